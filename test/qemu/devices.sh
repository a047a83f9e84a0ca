#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Devices that a kernel may lack: VLAN devices as next hops and as clients' ways in, and the
# kernel's own tunnels (ipip, sit, ip6tnl, and FOU's GUE before them) as the ends of ours.
# To be run by
#   tools/qemu-run -- test/qemu/devices.sh
# Needs the packages ethtool, curl, tcpdump.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

config <<-END
	version: 1
	node:
	  interfaces: [lb0]
	pools:
	  vlan: {backends: [{address: 10.10.0.13}]}
	  vlan6: {backends: [{address: "fd10::13"}]}
	  tun4: {backends: [{address: 10.9.0.14}]}
	  tun6: {backends: [{address: "fd09::14"}]}
	  tunvlan: {backends: [{address: 10.10.0.15}]}
	  gue4: {backends: [{address: 10.9.0.16}]}
	  gue6: {backends: [{address: "fd09::16"}]}
	vips:
	  - {name: vlan, address: 10.99.0.10, protocol: tcp, port: 80, forward: l2, pool: vlan}
	  - {name: vlan6, address: "fd99::10", protocol: tcp, port: 80, forward: l2, pool: vlan6}
	  - {name: 4in4, address: 10.99.0.44, protocol: tcp, port: 80, forward: ipip, pool: tun4}
	  - {name: 6in4, address: "fd99::64", protocol: tcp, port: 80, forward: ipip, pool: tun4}
	  - {name: 6in6, address: "fd99::66", protocol: tcp, port: 80, forward: ipip, pool: tun6}
	  - {name: 4in6, address: 10.99.0.46, protocol: tcp, port: 80, forward: ipip, pool: tun6}
	  - {name: tunvlan, address: 10.99.0.15, protocol: tcp, port: 80, forward: ipip, pool: tunvlan}
	  - {name: g4in4, address: 10.99.0.74, protocol: tcp, port: 80, forward: gue, pool: gue4}
	  - {name: g6in4, address: "fd99::74", protocol: tcp, port: 80, forward: gue, pool: gue4}
	  - {name: g6in6, address: "fd99::76", protocol: tcp, port: 80, forward: gue, pool: gue6}
	  - {name: g4in6, address: 10.99.0.76, protocol: tcp, port: 80, forward: gue, pool: gue6}
END

vlan() { # namespace, device, tag, last number of the addresses
	on "$1" ip link add link "$2" name "$2.$3" type vlan id "$3" || return
	on "$1" ip link set "$2.$3" up
	on "$1" ip addr add "10.$3.0.$4/24" dev "$2.$3"
	on "$1" ip addr add "fd$3::$4/64" dev "$2.$3" nodad
	on "$1" sh -c "echo 0 >/proc/sys/net/ipv4/conf/$2.$3/rp_filter"
}

tunnel() { # namespace, name, arguments of ip link add
	local ns=$1 name=$2
	shift 2
	on "$ns" ip link add "$name" type "$@" || return
	on "$ns" ip link set "$name" up
	on "$ns" sh -c "echo 0 >/proc/sys/net/ipv4/conf/$name/rp_filter"
}

# captured FILE NAMESPACE DEVICE FILTER COMMAND…: the command's status; frames are in FILE.
captured() {
	local file=$1 ns=$2 dev=$3 filter=$4 pid r
	shift 4
	nsenter --net="/run/netns/$ns" tcpdump -lnnevvi "$dev" "$filter" >"$file" 2>"$file.err" &
	pid=$!
	for _ in $(seq 100); do grep -q 'listening on' "$file.err" && break; sleep 0.1; done
	"$@"
	r=$?
	sleep 1
	kill "$pid"
	wait "$pid" 2>/dev/null
	return "$r"
}

received() { # namespace, device: packets that it has received
	on "$1" cat "/sys/class/net/$2/statistics/rx_packets" 2>/dev/null ||
		on "$1" ip -s -o link show "$2" | sed 's/.*RX: [^\\]*\\ *[0-9]* *\([0-9]*\).*/\1/'
}

setup network
setup vlan box lb0 10 1
setup backend 13 10.99.0.10 fd99::10
setup vlan be13 eth0 10 13
setup backend 14 10.99.0.44 fd99::64 fd99::66 10.99.0.46
setup tunnel be14 t44 ipip local 10.9.0.14 remote any
setup tunnel be14 t64 sit local 10.9.0.14 remote any
setup tunnel be14 t6 ip6tnl mode any local fd09::14 remote ::
setup backend 15 10.99.0.15
setup vlan be15 eth0 10 15
setup tunnel be15 t44 ipip local 10.10.0.15 remote any
setup backend 16 10.99.0.74 fd99::74 fd99::76 10.99.0.76
setup tunnel be16 t44 ipip local 10.9.0.16 remote any
setup tunnel be16 t64 sit local 10.9.0.16 remote any
setup tunnel be16 t6 ip6tnl mode any local fd09::16 remote ::
setup modprobe fou
setup on be16 ip fou add port 6080 gue
setup on be16 ip -6 fou add port 6080 gue
start_agent
setup all_usable

echo "# a VLAN device towards the backends"
lbctl backends
expect_text "the backend's next hop has the tag" \
	'"vlan": *10' lbctl --json backends vlan
expect_equal "and so has the IPv6 one's" 10 \
	"$(lbctl --json backends vlan6 | tr -d ' \n' | sed 's/.*"vlan":\([0-9]*\).*/\1/')"
expect_text "the route's device is the VLAN device" 'lb0\.10' lbctl --json backends vlan
expect_equal "an untagged backend's next hop has no tag" 0 \
	"$(lbctl --json backends tun4 | tr -d ' \n' | sed 's/.*"vlan":\([0-9]*\).*/\1/')"
expect_equal "an untagged client is served over the VLAN, IPv4" be13 \
	"$(captured "$DIR/vlan4" be13 eth0 'vlan 10 and tcp dst port 80' get 10.99.0.10 2>&1)"
expect_text "by frames with tag 10" 'vlan 10, .*> 10\.99\.0\.10\.80' tr -d '\n' <"$DIR/vlan4"
expect_equal "an untagged client is served over the VLAN, IPv6" be13 \
	"$(captured "$DIR/vlan6" be13 eth0 'vlan 10 and ip6' get '[fd99::10]' 2>&1)"
expect_text "by frames with tag 10" 'vlan 10, .*> fd99::10\.80' tr -d '\n' <"$DIR/vlan6"
expect_no_text "checksums are right" 'incorrect|wrong|bad cksum' cat "$DIR/vlan4" "$DIR/vlan6"

echo "# a VLAN device towards the clients"
setup vlan cli eth0 10 2
setup on cli ip route replace 10.99.0.0/24 via 10.10.0.1
setup on cli ip -6 route replace fd99::/64 via fd10::1
setup on be14 ip route add 10.10.0.0/24 via 10.9.0.2
expect_equal "tagged in, tagged out" be13 "$(get 10.99.0.10 2>&1)"
expect_equal "tagged in, tagged out, IPv6" be13 "$(get '[fd99::10]' 2>&1)"
expect_equal "tagged in, untagged through a tunnel out" be14 "$(get 10.99.0.44 2>&1)"
expect "a tagged ping of the box is passed to its VLAN device" on cli ping -c 1 -W 2 10.10.0.1
setup on cli ip route replace 10.99.0.0/24 via 10.9.0.1
setup on cli ip -6 route replace fd99::/64 via fd09::1

echo "# the kernel's tunnels unwrap what Sluice has wrapped"
TUNNELLED='ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41'
through() { # what, VIP, device, backend, filter
	local before after got backend=${4:-be14}
	before=$(received "$backend" "$3")
	got=$(captured "$DIR/tunnel" "$backend" eth0 "${5:-$TUNNELLED}" get "$2" 2>&1)
	after=$(received "$backend" "$3")
	expect_equal "$1: served" "$backend" "$got"
	expect "$1: by the tunnel device ($before packets, then $after)" \
		test "$((after - before))" -ge 5
	expect_no_text "$1: no checksum is wrong" 'incorrect|bad cksum|bad udp cksum 0x0*[1-9a-f]' \
		cat "$DIR/tunnel"
	head -n 3 "$DIR/tunnel" | sed 's/^/      /'
}
through 4in4 10.99.0.44 t44
through 6in4 '[fd99::64]' t64
through 6in6 '[fd99::66]' t6
through 4in6 10.99.0.46 t6
expect_equal "4in4 over a VLAN" be15 \
	"$(captured "$DIR/tunvlan" be15 eth0 'vlan 10 and ip proto 4' get 10.99.0.15 2>&1)"
expect_text "with tag 10" 'vlan 10, ' cat "$DIR/tunvlan"

by_gue() { # what
	through "$1, 4 in 4" 10.99.0.74 t44 be16 'udp dst port 6080'
	through "$1, 6 in 4" '[fd99::74]' t64 be16 'udp dst port 6080'
	through "$1, 6 in 6" '[fd99::76]' t6 be16 'udp dst port 6080'
	through "$1, 4 in 6" 10.99.0.76 t6 be16 'udp dst port 6080'
}
set_node() { # the line that takes the place of the one before
	sed -i -e '/^  gue:/d' -e '/^  tunnel_source:/d' -e "s|^  interfaces:.*|&\n  $1|" \
		"$DIR/config.yaml"
	setup lbctl reload
	setup all_usable
}

echo "# the kernel's GUE unwraps what Sluice has wrapped"
by_gue 'GUE variant 1'
expect_text "with a UDP checksum in IPv6" 'udp sum ok' cat "$DIR/tunnel"
set_node 'gue: {variant: 0}'
by_gue 'GUE variant 0'
expect_text "with a UDP checksum in IPv6" 'udp sum ok' cat "$DIR/tunnel"
set_node 'gue: {ipv6_checksum: zero}'
by_gue 'GUE without a checksum'
expect_text "without a UDP checksum in IPv6" 'udp cksum 0x0000' cat "$DIR/tunnel"
set_node 'tunnel_source: {ipv4: 10.88.0.0/16, ipv6: "fd88::/64"}'
by_gue 'GUE from a prefix'
expect_text "an IPv6 source of the prefix" 'fd88::[0-9a-f:]*\.[0-9]+ > fd09::16\.6080' \
	cat "$DIR/tunnel"
through '4in4 from a prefix' 10.99.0.44 t44
expect_text "an IPv4 source of the prefix" '10\.88\.[0-9.]+ > 10\.9\.0\.14' cat "$DIR/tunnel"
through '6in6 from a prefix' '[fd99::66]' t6

echo "# the VLAN device goes and comes"
setup on box ip link del lb0.10
unusable() {
	for _ in $(seq 50); do
		lbctl --json backends vlan | grep -qE '"usable": *false' && return 0
		sleep 0.1
	done
	return 1
}
expect "its backends are not used" unusable
setup vlan box lb0 10 1
expect "they are used again" all_usable
expect_equal "and serve" be13 "$(get 10.99.0.10 2>&1)"

lbctl counters
lbctl vips
finish
