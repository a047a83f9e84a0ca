# SPDX-License-Identifier: GPL-2.0-only
"""iperf3 through the balancer.

iperf3 opens a control connection and data streams from several ports, TCP and UDP, which must all
reach one server: the VIPs have `affinity: source` and share a pool, so that they do.
"""

import json

import pytest

from lablib import config

PORT = 5201


@pytest.fixture(scope="module")
def site(make_site):
    doc = config.matrix()
    vips = []
    for vip in doc["vips"]:
        for protocol in ("tcp", "udp"):
            vips.append({**vip, "name": f"{vip['name']}-{protocol}", "protocol": protocol,
                         "port": PORT, "affinity": "source"})
    doc["vips"] = vips
    site = make_site(doc, agent=False)
    for backend in site.lab.backends:
        for address in dict.fromkeys(config.addresses(doc)):
            backend.start_iperf(address, PORT)
    site.agent.start()
    return site


@pytest.fixture(params=config.CASES)
def vip(request):
    return config.CASES[request.param][0]


def iperf(site, vip, *options):
    result = site.lab.client.run("iperf3", "-J", "-c", vip, "-p", str(PORT), "-t", "1",
                                 *options, check=False, timeout=30)
    report = json.loads(result.stdout)
    assert "error" not in report, report["error"]
    return report["end"]


def test_four_tcp_streams_send_what_the_server_receives(site, vip):
    end = iperf(site, vip, "-P", "4")
    assert len(end["streams"]) == 4
    assert end["sum_received"]["bytes"] > 1 << 20
    assert all(s["receiver"]["bytes"] > 0 for s in end["streams"])


def test_download_comes_straight_from_the_server(site, vip):
    before = site.agent.vip(next(v["name"] for v in site.doc["vips"]
                                 if v["address"] == vip))["bytes"]
    end = iperf(site, vip, "-R")
    received = end["sum_received"]["bytes"]
    assert received > 1 << 20
    through_box = site.agent.vip(next(v["name"] for v in site.doc["vips"]
                                      if v["address"] == vip))["bytes"] - before
    assert through_box < received, "the replies went through the box"


def test_udp_stream_arrives_without_loss(site, vip):
    before = overflows(site)
    end = iperf(site, vip, "-u", "-b", "10M", "-l", "1200")
    assert end["sum"]["packets"] > 500
    # What a server lost that got no CPU in time was not lost on the way.
    assert end["sum"]["lost_packets"] <= overflows(site) - before


def overflows(site):
    """Datagrams that reached a backend whose socket's buffer was full."""
    total = 0
    for backend in site.lab.backends:
        with backend.ns.enter():
            with open("/proc/net/snmp", encoding="ascii") as f:
                keys, values = [line.split() for line in f if line.startswith("Udp:")]
            total += int(values[keys.index("RcvbufErrors")])
            with open("/proc/net/snmp6", encoding="ascii") as f:
                total += next(int(x.split()[1]) for x in f if x.startswith("Udp6RcvbufErrors"))
    return total
