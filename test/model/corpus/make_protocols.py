#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes protocols.txt: frames of the protocols that a box at the edge meets, as stacks send them.

make_protocols.py > protocols.txt. Needs python3-scapy. The frames are its own, down to the last
byte: nothing random is in them, so that the file changes only when this script does.
"""

import sys

from scapy.all import (AH, ARP, BOOTP, DHCP, DNS, DNSQR, ESP, GRE, ICMP, IP, LLC, NTP, SCTP, SNAP,
                       STP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Dot3, Ether, ICMPv6DestUnreach,
                       ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NS, ICMPv6ND_RA,
                       ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting, Padding, Raw, RouterAlert)

ETH = {"src": "02:00:00:00:00:02", "dst": "02:00:00:00:00:01"}
C4, V4, C6, V6 = "198.51.100.7", "192.0.2.80", "2001:db8:c::7", "2001:db8::80"
SYN_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0x11223344, 0)), ("NOP", None),
               ("WScale", 7)]
DATA_OPTIONS = [("NOP", None), ("NOP", None), ("Timestamp", (0x11223399, 0x55667788))]
SACK_OPTIONS = [("NOP", None), ("NOP", None), ("SAck", (1000, 2448, 3896, 5344))]
HTTP = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
HELLO = (bytes.fromhex("16030100610100005d0303") + bytes(range(32))
         + b"\x00\x00\x02\x13\x01\x01\x00"
         + bytes.fromhex("00320000000f000d00000a") + b"example.co" + bytes(23))
QUIC_INITIAL = (bytes.fromhex("c300000001088394c8f03e515708000044b4") + bytes(range(256)) * 4
                + bytes(158))
QUIC_SHORT = bytes.fromhex("4083 94c8f03e515708") + bytes(range(60))


def ip4(**fields):
    return IP(**{"src": C4, "dst": V4, "id": 0x1c46, "flags": "DF", "ttl": 57, **fields})


def ip6(**fields):
    return IPv6(**{"src": C6, "dst": V6, "fl": 0x54321, "hlim": 57, **fields})


def tcp(flags, payload=b"", options=(), **fields):
    packet = TCP(**{"sport": 40000, "dport": 443, "flags": flags, "seq": 0x01020304,
                    "ack": 0x0a0b0c0d if "A" in flags else 0, "window": 64240,
                    "options": list(options), **fields})
    return packet / Raw(payload) if payload else packet


def udp(dport, payload, sport=40000):
    return UDP(sport=sport, dport=dport) / payload


def streams():
    """TCP and UDP as clients send them, above either family."""
    return {
        "tcp-syn": tcp("S", options=SYN_OPTIONS),
        "tcp-syn-ecn": tcp("SEC", options=SYN_OPTIONS),
        "tcp-syn-fast-open": tcp("S", b"early data", [*SYN_OPTIONS, ("NOP", None), ("NOP", None),
                                                      (34, bytes(8))]),
        "tcp-handshake-ack": tcp("A", options=DATA_OPTIONS),
        "tcp-http": tcp("PA", HTTP, DATA_OPTIONS, dport=80),
        "tcp-tls-hello": tcp("PA", HELLO, DATA_OPTIONS),
        "tcp-full-segment": tcp("A", bytes(1428), DATA_OPTIONS),
        "tcp-sack": tcp("A", options=SACK_OPTIONS),
        "tcp-keep-alive": tcp("A", b"\0"),
        "tcp-fin": tcp("FA", options=DATA_OPTIONS),
        "tcp-reset": tcp("R"),
        "tcp-urgent": tcp("PAU", b"!", urgptr=1),
        "dns-query": udp(53, DNS(id=4660, rd=1, qd=DNSQR(qname="www.example.com"))),
        "dns-query-tcp": tcp("PA", b"\0\x1d" + bytes(DNS(id=4660, qd=DNSQR(qname="example.com"))),
                             dport=53),
        "quic-initial": udp(443, Raw(QUIC_INITIAL)),
        "quic-short-header": udp(443, Raw(QUIC_SHORT)),
        "quic-version-negotiation": udp(443, Raw(bytes.fromhex("c000000000088394c8f03e51570800"))),
        "ntp": udp(123, NTP(version=4, mode=3, ref=0, orig=0, recv=0, sent=0), sport=123),
        "udp-empty": UDP(sport=40000, dport=80),
        "udp-syslog": udp(514, Raw(b"<34>Oct 11 22:14:15 host su: failed")),
        "vxlan": udp(4789, VXLAN(vni=42) / Ether(**ETH) / ip4() / tcp("S")),
        "gtp-u": udp(2152, Raw(bytes.fromhex("30ff001400000001") + bytes(ip4() / tcp("S"))[:20])),
    }


def others4():
    reply = bytes(IP(src=V4, dst=C4, id=7, ttl=63) / TCP(sport=443, dport=40000, flags="A", seq=9,
                                                        ack=8) / Raw(bytes(8)))
    big = IP(src=V4, dst=C4, id=8, ttl=60, len=1500, flags="DF") / UDP(sport=53, dport=40000,
                                                                      len=1480)
    return {
        "icmp-echo": ip4(flags=0) / ICMP(id=17, seq=1) / Raw(bytes(range(56))),
        "icmp-unreachable": ip4() / ICMP(type=3, code=1) / Raw(reply[:28]),
        "icmp-frag-needed": ip4() / ICMP(type=3, code=4, nexthopmtu=1400) / big,
        "icmp-time-exceeded": ip4() / ICMP(type=11, code=0) / Raw(reply),
        "icmp-parameter": ip4() / ICMP(type=12, ptr=20) / Raw(reply[:28]),
        "fragment-first": ip4(flags="MF") / Raw(bytes(udp(53, Raw(bytes(1472))))),
        "fragment-middle": ip4(flags="MF", frag=185) / Raw(bytes(1480)),
        "fragment-last": ip4(flags=0, frag=370) / Raw(bytes(77)),
        "fragment-tiny": ip4(flags="MF") / Raw(bytes(tcp("S"))[:8]),
        "router-alert-igmp": IP(src=C4, dst="224.0.0.22", ttl=1, proto=2, id=0,
                                options=b"\x94\x04\x00\x00")
        / Raw(bytes.fromhex("2200f9020000000104000000e00000fb")),
        "record-route": ip4(options=b"\x07\x27\x04" + bytes(37)) / tcp("S"),
        "timestamps": ip4(options=b"\x44\x24\x05\x00" + bytes(32)) / udp(53, Raw(b"x")),
        "dhcp-discover": IP(src="0.0.0.0", dst="255.255.255.255", id=0) / UDP(sport=68, dport=67)
        / BOOTP(chaddr=bytes(6), xid=1) / DHCP(options=[("message-type", "discover"), "end"]),
        "mdns": IP(src=C4, dst="224.0.0.251", ttl=255, id=0) / UDP(sport=5353, dport=5353)
        / DNS(rd=0, qd=DNSQR(qname="_http._tcp.local", qtype="PTR")),
        "gre": ip4() / GRE() / IP(src="10.1.1.1", dst="10.1.1.2", id=1) / tcp("S"),
        "ipip": ip4() / IP(src="10.1.1.1", dst="10.1.1.2", id=1) / tcp("S"),
        "sit": ip4() / ip6() / tcp("S"),
        "esp": ip4() / ESP(spi=256, seq=1, data=bytes(40)),
        "ah": ip4() / AH(nh=6, payloadlen=4, spi=256, seq=1, icv=bytes(12)) / tcp("S"),
        "sctp": ip4() / SCTP(sport=40000, dport=443, tag=1) / Raw(bytes(20)),
        "ospf": IP(src=C4, dst="224.0.0.5", ttl=1, proto=89, id=0) / Raw(bytes(44)),
        "loopback": IP(src="127.0.0.1", dst=V4, id=0) / tcp("S"),
        "land": IP(src=V4, dst=V4, id=0) / tcp("S", sport=443),
    }


def others6():
    reply = bytes(IPv6(src=V6, dst=C6, hlim=60) / TCP(sport=443, dport=40000, flags="A", seq=9))
    hop = IPv6ExtHdrHopByHop(options=[RouterAlert()])
    return {
        "echo": ip6() / ICMPv6EchoRequest(id=17, seq=1, data=bytes(range(56))),
        "unreachable": ip6() / ICMPv6DestUnreach(code=4) / Raw(reply),
        "too-big": ip6() / ICMPv6PacketTooBig(mtu=1280) / Raw(reply[:48]),
        "time-exceeded": ip6() / ICMPv6TimeExceeded() / Raw(reply),
        "parameter": ip6() / ICMPv6ParamProblem(code=1, ptr=40) / Raw(reply),
        "neighbour-solicitation": IPv6(src="fe80::2", dst="ff02::1:ff00:80", hlim=255)
        / ICMPv6ND_NS(tgt=V6),
        "router-advertisement": IPv6(src="fe80::1", dst="ff02::1", hlim=255) / ICMPv6ND_RA(),
        "mld-report": IPv6(src="fe80::2", dst="ff02::16", hlim=1) / hop / ICMPv6MLReport2(),
        "hop-by-hop-tcp": ip6() / hop / tcp("S", options=SYN_OPTIONS),
        "destination-options-tcp": ip6() / IPv6ExtHdrDestOpt() / tcp("S"),
        "routing-tcp": ip6() / IPv6ExtHdrRouting(type=4, segleft=0, addresses=[V6]) / tcp("S"),
        "segment-routing-udp": ip6() / IPv6ExtHdrSegmentRouting(addresses=[V6, C6]) / udp(
            53, Raw(b"x")),
        "ah-tcp": ip6(nh=51) / AH(nh=6, payloadlen=4, spi=256, seq=1, icv=bytes(12)) / tcp("S"),
        "all-extensions": ip6() / hop / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(segleft=0)
        / IPv6ExtHdrFragment(id=7) / AH(nh=60, payloadlen=4, spi=256, seq=1, icv=bytes(12))
        / IPv6ExtHdrDestOpt() / tcp("S", options=SYN_OPTIONS),
        "mobility": ip6(nh=135) / Raw(bytes.fromhex("3b000500 00000000")),
        "hip": ip6(nh=139) / Raw(bytes.fromhex("3b04011100000000") + bytes(32)),
        "shim6": ip6(nh=140) / Raw(b"\x06\x00\x80\x00\x00\x00\x00\x00" + bytes(tcp("S"))),
        "fragment-atomic": ip6() / IPv6ExtHdrFragment(id=9) / udp(53, Raw(b"query")),
        "fragment-first": ip6() / IPv6ExtHdrFragment(id=9, m=1, nh=17)
        / Raw(bytes(UDP(sport=40000, dport=53, len=1800)) + bytes(1224)),
        "fragment-last": ip6() / IPv6ExtHdrFragment(id=9, offset=154, nh=17) / Raw(bytes(568)),
        "fragment-behind-options": ip6() / hop / IPv6ExtHdrFragment(id=9, m=1, nh=6)
        / Raw(bytes(tcp("S"))[:8]),
        "no-next-header": ip6(nh=59) / Raw(bytes(8)),
        "4in6": ip6() / ip4() / tcp("S"),
        "6in6": ip6() / IPv6(src="2001:db8:1::1", dst="2001:db8:1::2") / tcp("S"),
        "gre": ip6() / GRE() / ip4() / tcp("S"),
        "esp": ip6() / ESP(spi=256, seq=1, data=bytes(40)),
        "sctp": ip6(nh=132) / SCTP(sport=40000, dport=443, tag=1) / Raw(bytes(20)),
        "mdns": IPv6(src="fe80::2", dst="ff02::fb", hlim=255) / UDP(sport=5353, dport=5353)
        / DNS(rd=0, qd=DNSQR(qname="_http._tcp.local", qtype="PTR")),
        "dhcpv6-solicit": IPv6(src="fe80::2", dst="ff02::1:2", hlim=1)
        / udp(547, Raw(bytes.fromhex("01123456000100060004aabbccdd")), sport=546),
        "jumbogram": ip6(plen=0, nh=0)
        / Raw(bytes.fromhex("0600c20400011170") + bytes(tcp("A")) + bytes(64)),
        "mapped-source": IPv6(src="::ffff:198.51.100.7", dst=V6) / tcp("S"),
    }


def not_ip():
    return {
        "arp-request": Ether(src=ETH["src"], dst="ff:ff:ff:ff:ff:ff")
        / ARP(hwsrc=ETH["src"], psrc=C4, pdst=V4),
        "lldp": Ether(src=ETH["src"], dst="01:80:c2:00:00:0e", type=0x88cc)
        / Raw(bytes.fromhex("0207040200000000020405024574300602007800 00")),
        "stp": Dot3(src=ETH["src"], dst="01:80:c2:00:00:00") / LLC() / STP(),
        "snap": Dot3(**ETH) / LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(code=0x0800)
        / ip4() / tcp("S"),
        "mpls": Ether(**ETH, type=0x8847)
        / Raw(bytes.fromhex("00064140") + bytes(ip4() / tcp("S"))),
        "pppoe": Ether(**ETH, type=0x8864) / Raw(bytes.fromhex("110000010006c021090100040000")),
        "eapol": Ether(**ETH, type=0x888e) / Raw(bytes.fromhex("01010000")),
        "ptp": Ether(src=ETH["src"], dst="01:1b:19:00:00:00", type=0x88f7) / Raw(bytes(44)),
        "pause": Ether(src=ETH["src"], dst="01:80:c2:00:00:01", type=0x8808)
        / Raw(bytes.fromhex("0001ffff") + bytes(42)),
    }


def tagged():
    syn4, syn6 = ip4() / tcp("S", options=SYN_OPTIONS), ip6() / tcp("S", options=SYN_OPTIONS)
    pad = Padding(bytes(6))
    return {
        "vlan-v4": Ether(**ETH) / Dot1Q(vlan=100, prio=3) / syn4,
        "vlan-v6": Ether(**ETH) / Dot1Q(vlan=100) / syn6,
        "priority-tag-v4": Ether(**ETH) / Dot1Q(vlan=0, prio=5) / syn4,
        "qinq-v4": Ether(**ETH) / Dot1AD(vlan=10) / Dot1Q(vlan=100) / syn4,
        "qinq-v6": Ether(**ETH) / Dot1AD(vlan=10) / Dot1Q(vlan=100) / syn6,
        "two-customer-tags-v4": Ether(**ETH) / Dot1Q(vlan=10) / Dot1Q(vlan=100) / syn4,
        "three-tags-v4": Ether(**ETH) / Dot1AD(vlan=1) / Dot1AD(vlan=2) / Dot1Q(vlan=3) / syn4,
        "vlan-arp": Ether(**ETH) / Dot1Q(vlan=100) / ARP(psrc=C4, pdst=V4, hwsrc=ETH["src"]),
        "padded-ack-v4": Ether(**ETH) / ip4() / tcp("A") / pad,
        "padded-udp-v4": Ether(**ETH) / ip4() / udp(53, Raw(b"x")) / Padding(bytes(17)),
        "padded-udp-v6-trailer": Ether(**ETH) / ip6() / udp(53, Raw(b"x")) / Padding(b"\xaa" * 4),
        "ecn-ce-v4": Ether(**ETH) / ip4(tos=0xbb) / tcp("A", b"x", DATA_OPTIONS),
        "ecn-ce-v6": Ether(**ETH) / ip6(tc=0xbb) / tcp("A", b"x", DATA_OPTIONS),
    }


def main():
    frames = {}
    for name, l4 in streams().items():
        frames[f"v4-{name}"] = Ether(**ETH) / ip4() / l4
        frames[f"v6-{name}"] = Ether(**ETH) / ip6() / l4
    frames.update({f"v4-{name}": Ether(**ETH) / packet for name, packet in others4().items()})
    frames.update({f"v6-{name}": Ether(**ETH) / packet for name, packet in others6().items()})
    frames.update(not_ip())
    frames.update(tagged())
    print("# Written by make_protocols.py. Each line: a frame's name, its bytes in hex.")
    for name, frame in frames.items():
        data = bytes(frame)
        if not 14 <= len(data) <= 1522:
            sys.exit(f"make_protocols.py: {name} has {len(data)} bytes")
        print(name, data.hex())


if __name__ == "__main__":
    main()
