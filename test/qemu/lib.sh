# SPDX-License-Identifier: GPL-2.0-only
# What the scenarios for a QEMU guest share: a bridge with a client, the box and backends on it, an
# agent, and checks that count. To be sourced; runs as root of a guest that is thrown away, and
# says so where it isn't one.
#
#      cli ──┐          ┌── box: lb0 10.9.0.1, fd09::1
#  10.9.0.2  ├─ bridge ─┤
#   fd09::2  │  (sw)    ├── be11: 10.9.0.11, fd09::11
#            ┘          └── be12 …
#
# VIPs are 10.99.0.x and fd99::x, routed to the box by the client, on the backends' loopbacks.

set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${SLUICE_BUILD:-$ROOT/build}
DIR=/run/sluice-scenario
PINS=/sys/fs/bpf/sluice
SOCKET=$DIR/agent.sock
PASSED=0
FAILED=0
AGENT_PID=

[ -e /run/qemu-guest ] || {
	echo "runs in a guest only: tools/qemu-run -- $0" >&2
	exit 2
}
mkdir -p "$DIR" /run/netns

# The namespace is entered by nsenter: ip-netns(8) would hide /sys/fs/bpf.
on() { local ns=$1; shift; nsenter --net="/run/netns/$ns" "$@"; }

setup() { "$@" || { echo "FAIL  set-up: $*"; finish; }; }

pass() { PASSED=$((PASSED + 1)); printf 'ok    %s\n' "$1"; }

fail() { # what, evidence…
	FAILED=$((FAILED + 1))
	printf 'FAIL  %s\n' "$1"
	shift
	if [ $# -gt 0 ]; then printf '%s\n' "$@" | sed 's/^/        | /'; fi
}

# expect WHAT COMMAND…: the command is to succeed.
expect() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$what"; else fail "$what" "$*" "$out"; fi
}

# expect_text WHAT PATTERN COMMAND…: its output is to have a line that matches.
expect_text() {
	local what=$1 pattern=$2 out
	shift 2
	out=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$out"; then pass "$what"; else
		fail "$what" "no '$pattern' in what '$*' says:" "$out"
	fi
}

expect_no_text() {
	local what=$1 pattern=$2 out
	shift 2
	out=$("$@" 2>&1)
	if ! grep -qE -- "$pattern" <<<"$out"; then pass "$what"; else
		fail "$what" "'$pattern' in what '$*' says:" "$out"
	fi
}

expect_equal() { # what, wanted, found
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $2" "found:  $3"; fi
}

finish() {
	[ -n "$AGENT_PID" ] && kill "$AGENT_PID" 2>/dev/null
	if [ "$FAILED" -gt 0 ] && [ -e "$DIR/agent.log" ]; then
		echo "--- lb-agent's log"
		cat "$DIR/agent.log"
	fi
	printf '%d passed, %d failed, %s s of guest time\n' "$PASSED" "$FAILED" \
		"$(cut -d. -f1 /proc/uptime)"
	[ "$FAILED" = 0 ]
	exit
}

# The network

node() { # name, last number of its addresses, device
	local ns=$1 n=$2 dev=$3
	ip netns add "$ns"
	ip link add "$dev" netns "$ns" type veth peer name "p-$ns" netns sw
	# A veth delivers what XDP_TX sends to it only if it has an XDP program, too: 6.1 does not
	# look whether GRO does the polling. This one passes everything.
	on sw ip link set dev "p-$ns" xdp obj "$BUILD/xdp/decap.bpf.o" sec xdp
	on sw ip link set "p-$ns" master br0 up
	# Checksums and tags as on a wire, where nothing is left for the hardware.
	on "$ns" ethtool -K "$dev" gro on tx off txvlan off >/dev/null
	on "$ns" sh -c "
		echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/$dev/accept_dad
		echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
		echo 0 >/proc/sys/net/ipv4/conf/default/rp_filter
		echo 0 >/proc/sys/net/ipv4/conf/$dev/rp_filter
		echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
		echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce"
	on "$ns" ip link set lo up
	on "$ns" ip link set "$dev" up
	on "$ns" ip addr add "10.9.0.$n/24" dev "$dev"
	on "$ns" ip addr add "fd09::$n/64" dev "$dev" nodad
}

network() {
	ip netns add sw
	on sw ip link add br0 type bridge mcast_snooping 0
	on sw ip link set br0 up
	node cli 2 eth0
	node box 1 lb0
	on cli ip route add 10.99.0.0/24 via 10.9.0.1
	on cli ip route add fd99::/64 via fd09::1
}

backend() { # number, VIPs…: serves its name by HTTP
	local n=$1 vip
	shift
	node "be$n" "$n" eth0
	for vip in "$@"; do
		case "$vip" in
		*:*) on "be$n" ip addr add "$vip/128" dev lo nodad ;;
		*) on "be$n" ip addr add "$vip/32" dev lo ;;
		esac
	done
	mkdir -p "$DIR/www$n"
	echo "be$n" >"$DIR/www$n/index.html"
	on "be$n" busybox httpd -p '[::]:80' -h "$DIR/www$n"
}

get() { on cli curl -sS -m 3 "http://$1/"; }

# The agent

config() { cat >"$DIR/config.yaml"; }
lbctl() { "$BUILD/tools/lbctl/lbctl" --socket "$SOCKET" "$@"; }
AGENT=("$BUILD/lb-agent/lb-agent" --bpffs "$PINS" --state-dir "$DIR/state")
lb_agent() { on box "${AGENT[@]}" "$@"; }

start_agent() {
	mkdir -p "$DIR/state"
	# No function, whose subshell's number $! would be.
	nsenter --net=/run/netns/box "${AGENT[@]}" --config "$DIR/config.yaml" \
		--socket "$SOCKET" >>"$DIR/agent.log" 2>&1 &
	AGENT_PID=$!
	local i
	for i in $(seq 100); do
		lbctl status >/dev/null 2>&1 && return 0
		kill -0 "$AGENT_PID" 2>/dev/null || break
		sleep 0.1
	done
	fail "lb-agent starts" "$(cat "$DIR/agent.log")"
	finish
}

# Not by its control socket, and at once: the data plane is to stay.
kill_agent() {
	kill -9 "$AGENT_PID" 2>/dev/null
	wait "$AGENT_PID" 2>/dev/null
	AGENT_PID=
	rm -f "$SOCKET"
}

stop_agent() {
	kill "$AGENT_PID"
	wait "$AGENT_PID"
	AGENT_PID=
}

all_usable() {
	local i
	for i in $(seq 100); do
		lbctl --json status | grep -qE '"backends_usable": *[1-9]' &&
			! lbctl --json backends | grep -qE '"usable": *false' && return 0
		sleep 0.1
	done
	return 1
}

vip_packets() { # VIP's name
	lbctl --json vips | tr -d ' \n' | tr '{' '\n' | grep "\"name\":\"$1\"" |
		sed 's/.*"packets":\([0-9]*\).*/\1/'
}

reload() { lbctl reload; }
