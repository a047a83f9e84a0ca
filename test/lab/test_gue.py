# SPDX-License-Identifier: GPL-2.0-only
"""GUE through the balancer, unwrapped by lb-decap: both variants, every combination of families.

Also outer sources that are prefixes, by which a backend sees a tunnel of many addresses.
"""

import ipaddress
import json
import socket

import pytest

from lablib import config
from lablib.client import Download

CASES = {
    "4-in-4": ("192.0.2.83", "gue", "web4"),
    "6-in-6": ("2001:db8:80::83", "gue", "web6"),
    "4-in-6": ("192.0.2.84", "gue", "web6"),
    "6-in-4": ("2001:db8:80::84", "gue", "web4"),
}
IPERF_PORT = 5201

NODES = {
    "variant-1": {},
    "variant-0": {"gue": {"port": 5555, "variant": 0}},
    "zero-checksum": {"gue": {"ipv6_checksum": "zero"}},
    "source-prefix": {"tunnel_source": {"ipv4": "10.88.0.0/16", "ipv6": "fd88::/64"}},
}


def document(node):
    doc = config.matrix(cases=CASES)
    doc["node"].update(node)
    doc["vips"] += [{**v, "name": f"{v['name']}-{protocol}", "protocol": protocol,
                     "port": IPERF_PORT, "affinity": "source"}
                    for v in doc["vips"] for protocol in ("tcp", "udp")]
    return doc


@pytest.fixture(scope="module", params=NODES)
def site(request, make_site):
    doc = document(NODES[request.param])
    site = make_site(doc, agent=False)
    for backend in site.lab.backends:
        for address in dict.fromkeys(config.addresses(doc)):
            backend.start_iperf(address, IPERF_PORT)
    site.agent.start()
    yield site
    site.down()


@pytest.fixture(params=CASES)
def vip(request):
    return CASES[request.param][0]


def decapped(site):
    counters = [b.decap_counters() for b in site.lab.backends]
    return {name: sum(c[name] for c in counters) for name in counters[0]}


def test_curl_is_served_and_lb_decap_unwraps_it(site, vip):
    before = decapped(site)
    host = f"[{vip}]" if ":" in vip else vip
    result = site.lab.client.run("curl", "-sS", "--max-time", "5", f"http://{host}/")
    assert result.stdout.strip() in ("be1", "be2", "be3")
    after = decapped(site)
    assert after["unwrapped"] - before["unwrapped"] >= 4
    for refused in ("malformed", "gue-unknown", "bad-checksum", "ecn-dropped"):
        assert after[refused] == before[refused]


def test_status_and_plan_show_how_tunnels_are_made(site):
    node = site.doc["node"]
    source, gue = node.get("tunnel_source", {}), node.get("gue", {})
    assert site.agent.status()["tunnels"] == {
        "source_ipv4": source.get("ipv4", "by route"),
        "source_ipv6": source.get("ipv6", "by route"),
        "gue": {"port": gue.get("port", 6080), "variant": gue.get("variant", 1),
                "ipv6_checksum": gue.get("ipv6_checksum", "computed")}}
    text = site.agent.lbctl("status").stdout
    assert f"IPv4 {source.get('ipv4', 'by route')}" in text
    assert f"GUE         port {gue.get('port', 6080)}, " in text
    other = {**site.doc, "node": {**node, "tunnel_source": {"ipv4": "10.66.0.0/24"}}}
    assert f"tunnel source IPv4 {source.get('ipv4', 'by route')} → 10.66.0.0/24" in \
        site.agent.plan(other)["node"]


def test_requests_are_spread_over_all_backends(site, vip):
    tally = site.client.get_many(vip, 300)
    tally.assert_clean()
    assert set(tally.counts) == {"be1", "be2", "be3"}


def test_large_download_arrives_whole(site, vip):
    Download(site.lab.client, vip, source_port=26000).assert_intact(site.sha256)


def iperf(site, vip, *options):
    result = site.lab.client.run("iperf3", "-J", "-c", vip, "-p", str(IPERF_PORT), "-t", "1",
                                 *options, check=False, timeout=30)
    report = json.loads(result.stdout)
    assert "error" not in report, report["error"]
    return report["end"]


def test_iperf_uploads_by_tcp(site, vip):
    before = decapped(site)
    end = iperf(site, vip, "-P", "2")
    assert end["sum_received"]["bytes"] > 1 << 20
    assert decapped(site)["bad-checksum"] == before["bad-checksum"]


def test_iperf_uploads_by_udp(site, vip):
    before = decapped(site)
    end = iperf(site, vip, "-u", "-b", "5M", "-l", "1200")
    after = decapped(site)
    assert end["sum"]["packets"] > 200
    assert after["unwrapped"] - before["unwrapped"] >= end["sum"]["packets"]
    assert after["bad-checksum"] == before["bad-checksum"]


def test_outer_sources_and_ports_are_as_configured(site, vip):
    node = site.doc["node"]
    flows = captured(site, vip, node.get("gue", {}).get("port", 6080))
    assert len(flows) >= 20
    assert all(49152 <= port <= 65535 for _, port in flows)
    assert len({port for _, port in flows}) >= 20, "each flow has a source port"
    addresses = {ipaddress.ip_address(a) for a, _ in flows}
    prefixes = [ipaddress.ip_network(p) for p in node.get("tunnel_source", {}).values()]
    if not prefixes:
        assert len(addresses) == 1
        return
    assert len(addresses) >= 20, "each flow has an outer address"
    assert all(any(a in p for p in prefixes if p.version == a.version) for a in addresses)


def captured(site, vip, port):
    """Outer source address and UDP source port of what 40 connections send to the backends."""
    sockets = []
    with site.lab.router.enter():
        for backend in site.lab.backends:
            sockets.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
            sockets[-1].bind((backend.name, 0))
            sockets[-1].setblocking(False)
    site.client.get_many(vip, 40, first_port=27000).assert_clean()
    flows = set()
    for s in sockets:
        with s:
            while True:
                try:
                    flow = outer_flow(s.recv(2048), port)
                except BlockingIOError:
                    break
                if flow:
                    flows.add(flow)
    return flows


def outer_flow(frame, port):
    v4 = frame[12:14] == b"\x08\x00"
    udp = 34 if v4 else 54
    if frame[23 if v4 else 20] != 17 or frame[udp + 2:udp + 4] != port.to_bytes(2, "big"):
        return None
    source = frame[26:30] if v4 else frame[22:38]
    return (str(ipaddress.ip_address(source)), int.from_bytes(frame[udp:udp + 2], "big"))
