#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Sluice beside other XDP programs, behind libxdp's dispatcher: to be run by
#   tools/qemu-run -- test/qemu/dispatcher.sh
# on a kernel that has freplace (Debian's do). Needs the packages xdp-tools, ethtool, curl.
# --short, as tools/test runs it: attaching beside others, adoption and teardown, no changes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# xdp-filter runs before Sluice (its priority is 10, Sluice's 50) and decap.bpf.o after it.
BEHIND="$BUILD/xdp/decap.bpf.o"

configure() { # interfaces
	config <<-END
	version: 1
	node:
	  interfaces: [$1]
	pools:
	  web: {backends: [{address: 10.9.0.11}, {address: 10.9.0.12}]}
	vips:
	  - {name: www, address: 10.99.0.80, protocol: tcp, port: 80, forward: l2, pool: web}
	END
}

programs() { on box xdp-loader status "$1"; }
root_id() { programs lb0 | sed -n 's/.*sluice_root *\(native\|skb\)* *\([0-9]*\) .*/\2/p'; }

filter_works() {
	on box xdp-filter status | grep -q lb0 || return 1
	on box xdp-filter port -m dst -p tcp 80 || return 1
	if get 10.99.0.80 >/dev/null 2>&1; then
		echo "served although the filter denies it"
		return 1
	fi
	on box xdp-filter port -m dst -p tcp -r 80 && get 10.99.0.80
}

balanced() {
	local i before after served=
	before=$(vip_packets www)
	for i in $(seq 12); do served+="$(get 10.99.0.80) " || return 1; done
	after=$(vip_packets www)
	echo "served by $served; the VIP's packets: $before, then $after"
	# A request and its end are 5 packets from the client at the least.
	[ "$((after - before))" -ge 60 ] && [[ "$served" = *be11* ]] && [[ "$served" = *be12* ]]
}

tear_down_beside_others() {
	stop_agent
	expect_text "teardown detaches from one device" 'detached from 1 device' lb_agent --teardown
	expect_no_text "the program is off" sluice_root programs lb0
	expect_text "the other program before it stays" xdpfilt programs lb0
	expect_text "the other program behind it stays" sluice_decap programs lb0
	expect "no pin is left" test ! -e "$PINS"
}

setup network
setup backend 11 10.99.0.80
setup backend 12 10.99.0.80
on box ip link add lb1 type veth peer name lb1p
on box ip link set lb1 up
on box ip link set lb1p up

echo "# alone, then another program comes"
configure lb0
start_agent
setup all_usable
if lbctl --json status | grep -q '"dispatcher": *false'; then
	echo "# this kernel refuses the dispatcher of this libxdp"
	. "$ROOT/test/qemu/alone.sh"
	finish
fi
expect_text "the first start attaches behind the dispatcher" '"dispatcher": *true' \
	lbctl --json status
expect_text "lbctl status says so" '^lb0 .* native +yes$' lbctl status
expect_no_text "the log does not say that the kernel refuses it" 'refuses' cat "$DIR/agent.log"
expect "packets are balanced through the dispatcher" balanced
expect "a second program attaches before Sluice's" on box xdp-filter load -m native lb0
expect "a third attaches behind it" on box xdp-loader load -m native -P 90 lb0 "$BEHIND"
programs lb0
expect "packets are balanced beside them" balanced
expect "the filter before Sluice works" filter_works

echo "# the next agent"
ROOT_ID=$(root_id)
kill_agent
expect "packets pass while there is no agent" get 10.99.0.80
start_agent
setup all_usable
expect_text "it adopts" '"adopted": *true' lbctl --json status
expect_text "it sees that it is behind the dispatcher" '"dispatcher": *true' lbctl --json status
expect_equal "it attached nothing anew" "$ROOT_ID" "$(root_id)"
expect "packets are balanced" balanced

if [ "${1:-}" = --short ]; then
	echo "# teardown"
	tear_down_beside_others
	finish
fi

echo "# a device leaves the configuration, and comes back"
configure lb1
expect "reload" reload
programs lb0
expect_no_text "the program is off the device" sluice_root programs lb0
expect_text "the other program before it stays" xdpfilt programs lb0
expect_text "the other program behind it stays" sluice_decap programs lb0
expect_text "the program is on the other device" sluice_root programs lb1
configure lb0
expect "reload" reload
expect_text "the program is back, beside others that were there first" sluice_root programs lb0
expect_no_text "the program is off the other device" sluice_root programs lb1
expect_text "lbctl agrees" '"dispatcher": *true' lbctl --json status
expect "packets are balanced" balanced
expect "the filter before Sluice works" filter_works

echo "# a program leaves under Sluice"
expect "the filter is unloaded" on box xdp-filter unload lb0
expect_text "Sluice's stays" sluice_root programs lb0
expect "packets are balanced" balanced
kill_agent
start_agent
setup all_usable
expect "the next agent balances too" balanced
expect "the filter is loaded again" on box xdp-filter load -m native lb0

echo "# another mode"
set_mode() { sed -i "/xdp_mode/d; s/interfaces: .*/&\n  xdp_mode: $1/" "$DIR/config.yaml"; }
ROOT_ID=$(root_id)
set_mode generic
expect_text "a mode other than the others' is refused" 'programs \(xdpfilt.*\) .*native mode' reload
expect_equal "and nothing was touched" "$ROOT_ID" "$(root_id)"
expect "packets are balanced as before" balanced
on box xdp-loader unload lb0 --all
expect_no_text "somebody takes all programs away" 'prog/xdp' on box ip link show lb0
expect "others attach in generic mode" on box xdp-filter load -m skb lb0
set_mode native
expect_text "native beside them is refused" 'generic mode' reload
set_mode auto
expect "auto" reload
expect_text "is their mode" '"mode": *"generic"' lbctl --json status
expect_text "behind their dispatcher" sluice_root programs lb0
expect "packets are balanced in generic mode" balanced
expect "the filter is unloaded" on box xdp-filter unload lb0
set_mode native
expect "alone, the mode can be changed" reload
expect_text "to native" '"mode": *"native"' lbctl --json status
expect "packets are balanced" balanced
expect "the filter is loaded again" on box xdp-filter load -m native lb0
expect "and the program behind" on box xdp-loader load -m native -P 90 lb0 "$BEHIND"

echo "# teardown"
configure lb0
expect "reload" reload
tear_down_beside_others
expect "the others can be unloaded" on box xdp-loader unload lb0 --all
expect_no_text "nothing is left on the device" 'prog/xdp' on box ip link show lb0

echo "# alone until the end"
start_agent
setup all_usable
expect "packets are balanced" balanced
stop_agent
expect_text "teardown" 'detached from 1 device' lb_agent --teardown
expect_no_text "nothing is left on the device" 'prog/xdp' on box ip link show lb0
expect_no_text "libxdp left no pin" 'dispatch' ls /sys/fs/bpf/xdp

echo "# a device that is deleted under Sluice, and comes back, and is deleted again"
configure 'lb0, lb1'
start_agent
setup all_usable
again() {
	on box ip link del lb1
	on box ip link add lb1 type veth peer name lb1p
	on box ip link set lb1 up
	on box ip link set lb1p up
	for _ in $(seq 50); do programs lb1 | grep -q sluice_root && return 0; sleep 0.1; done
	return 1
}
expect "it is attached to anew" again
expect "reload" reload
expect_equal "a reload leaves pins of the two devices only" 2 \
	"$(ls /sys/fs/bpf/xdp | grep -c dispatch)"
on box ip link del lb1
stop_agent
expect_text "teardown" 'detached from 1 device' lb_agent --teardown
expect_no_text "no pin of the deleted device stays" 'dispatch' ls /sys/fs/bpf/xdp
expect_no_text "nor the program" sluice_root bpftool prog
configure lb0

echo "# a program that libxdp did not load"
expect "ip link loads one" on box ip link set dev lb0 xdp obj "$BEHIND" sec xdp
lb_agent --config "$DIR/config.yaml" --socket "$SOCKET" >"$DIR/refused.log" 2>&1
expect_equal "the agent ends with 1" 1 $?
expect_text "and says whose program is in the way" 'sluice_decap|another XDP program' \
	cat "$DIR/refused.log"
expect_text "which is still there" 'prog/xdp' on box ip link show lb0
finish
