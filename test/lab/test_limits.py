# SPDX-License-Identifier: GPL-2.0-only
"""Rate limits with real clients, and a SYN flood that finds no state to fill.

The counts that a test expects are worked out from the time that its packets took: at most a burst
and what the rate gives in that time.
"""

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import time

import pytest

from lablib import config, paths
from lablib.client import Download, UdpStream
from lablib.site import UDP_PORT
from lablib.wait import wait_until

SEND = os.path.join(paths.ROOT, "tools", "trafgen", "send")
V4, V6 = "192.0.2.80", "2001:db8:80::80"


def document(limits=(), **filters):
    pools = {"web4": config.pool(config.V4), "web6": config.pool(config.V6)}
    doc = config.document(pools, [
        config.vip("www4", V4, "ipip", "web4"),
        config.vip("www6", V6, "l2", "web6"),
        config.vip("echo4", V4, "l2", "web4", protocol="udp", port=UDP_PORT),
        config.vip("echo6", V6, "ipip", "web6", protocol="udp", port=UDP_PORT)])
    if limits:
        doc["filters"] = {"rate_limits": list(limits), **filters}
    return doc


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(document())


def limits(site, vip):
    return site.agent.ctl("limits", vip)["limits"]


def stream(site, address, n):
    """n datagrams as fast as they go; how many came back, and in how many seconds."""
    begin = time.monotonic()
    flood = UdpStream(site.lab.client, address, UDP_PORT, flows=8, interval=0)
    wait_until(lambda: flood.sent >= n, 10, "datagrams to be sent")
    flood.finish_sending(timeout=0.5)
    return flood, time.monotonic() - begin


@pytest.mark.parametrize("vip, address", [("echo4", V4), ("echo6", V6)])
def test_a_client_gets_its_rate_and_no_more(site, vip, address):
    site.agent.reload(document([{"vip": vip, "per": "source", "rate": "100/s", "burst": 50}]))
    flood, took = stream(site, address, 1000)
    limit, = limits(site, vip)
    assert len(flood.replies) <= 50 + 100 * took
    assert len(flood.replies) >= 50
    assert limit["dropped_packets"] == flood.sent - len(flood.replies)
    assert limit["sources"] == 1
    assert site.agent.vip(vip)["dropped_packets"] >= limit["dropped_packets"]
    site.agent.reload(document())


def test_a_dry_run_counts_and_loses_nothing(site):
    site.agent.reload(document([{"vip": "echo4", "per": "source", "rate": "100/s", "burst": 50,
                                 "action": "count"}]))
    flood, took = stream(site, V4, 1000)
    limit, = limits(site, "echo4")
    assert flood.lost() == []
    assert limit["dropped_packets"] == 0
    assert limit["would_drop_packets"] >= flood.sent - 50 - 100 * took
    # Then it is made to drop, in place: what the source has used is not forgotten.
    changes = site.agent.reload(document([{"vip": "echo4", "per": "source", "rate": "100/s",
                                           "burst": 50}]))
    assert not changes["rebuild"]
    assert [v["detail"] for v in changes["vips"] if v["change"] == "change"] == [
        "limit packets per source 100/s, burst 50, action count → drop"]
    assert limits(site, "echo4")[0]["would_drop_packets"] == limit["would_drop_packets"]
    site.agent.reload(document())


def test_new_connections_are_limited_and_open_ones_go_on(site):
    download = Download(site.lab.client, V4, rate=2_000_000)
    wait_until(lambda: download.received > 0, 5, "a download")
    site.agent.reload(document([{"vip": "www4", "per": "source", "count": "connections",
                                 "rate": "1/s", "burst": 5}]))
    begin, opened = time.monotonic(), 0
    for port in range(21000, 21020):
        with contextlib.suppress(TimeoutError):
            opened += site.client.get(V4, source_port=port, timeout=0.1).status == 200
    assert 5 <= opened <= 5 + 1 + time.monotonic() - begin
    # A request to the other VIP is nobody's business here.
    assert site.client.get(V6).status == 200
    download.finish(30)
    assert download.error is None and download.sha256 == site.sha256
    site.agent.reload(document())


def test_lbctl_shows_limits_and_the_sources_nearest_to_theirs(site):
    site.agent.reload(document([{"vip": "echo4", "per": "source", "rate": "10/s", "burst": 1000},
                                {"per": "vip", "rate": "1M/s"}]))
    stream(site, V4, 1000)
    data = site.agent.ctl("limits")
    assert len(data["limits"]) == 5
    assert data["top"][0]["vip"] == "echo4" and data["top"][0]["source"].endswith("/32")
    assert data["top"][0]["used"] > 0.9
    text = site.agent.lbctl("limits").stdout
    assert re.search(r"echo4 +source +10/s +1000 +drop ", text), text
    assert "10 packets" not in text and "Nearest to their limit" in text
    assert "there is no VIP 'x'" in site.agent.lbctl("limits", "x", check=False).stderr
    site.agent.reload(document())


def test_limits_go_on_under_the_next_agent(site):
    doc = document([{"vip": "echo4", "per": "source", "rate": "1/s", "burst": 600},
                    {"vip": "echo4", "per": "vip", "rate": "1/s", "burst": 3000}])
    site.agent.reload(doc)
    stream(site, V4, 1000)
    before = limits(site, "echo4")
    site.agent.kill9()
    site.agent.start()
    after = limits(site, "echo4")
    for was, now in zip(before, after):
        was.pop("used"), now.pop("used")
        assert now == was
    flood, took = stream(site, V4, 500)
    assert len(flood.replies) <= 30 + took, "the burst was used up before"
    site.agent.reload(document())


# The flood

TCPI_TOTAL_RETRANS = 100  # offset in struct tcp_info (linux/tcp.h)


class Talk:
    """Connections that send requests through the VIP and read the answers, until it is enough."""

    def __init__(self, ns, address, n=8, first_port=31000):
        self.socks = []
        self.answers = 0
        with ns.enter():
            for port in range(first_port, first_port + n):
                sock = socket.create_connection((address, 80), 10, source_address=("", port))
                sock.settimeout(10)
                self.socks.append(sock)

    def round(self):
        """A request on each; every byte of the answers is there."""
        for sock in self.socks:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
        for sock in self.socks:
            data = b""
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536) or pytest.fail("a connection broke")
            head, body = data.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            while len(body) < length:
                body += sock.recv(65536) or pytest.fail("a connection broke")
            assert head.startswith(b"HTTP/1.1 200") and len(body) == length
            self.answers += 1

    def retransmitted(self):
        return sum(struct.unpack_from("=I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192),
                                      TCPI_TOTAL_RETRANS)[0] for s in self.socks)

    def close(self):
        for sock in self.socks:
            sock.close()


def received_by(box):
    """Packets that have come to the box's device, as its driver counts them."""
    link, = json.loads(box.run("ip", "-json", "-s", "link", "show", "lb0").stdout)
    return link["stats64"]["rx"]["packets"]


def test_a_syn_flood_fills_nothing_and_breaks_no_connection(site, capsys):
    """As fast as trafgen goes, from forged sources, to the VIP through which connections run."""
    agent, router = site.agent, site.lab.router
    link = site.lab.box.run("ip", "-o", "link", "show", "lb0").stdout
    # What backends answer to forged sources ends here.
    router.ip("route add blackhole default")
    talk = Talk(site.lab.client, V4)
    talk.round()
    memory, vip = agent.status()["map_memory_bytes"], agent.vip("www4")
    reasons, received = agent.counters(), received_by(site.lab.box)
    with router.enter():
        flood = subprocess.Popen([SEND, "syn-random-sources", "--dev", "br0", "--dst-mac",
                                  re.search(r"link/ether (\S+)", link)[1], "--vip", V4,
                                  "--family", "4", "--seconds", "4"],
                                 stdout=subprocess.PIPE, text=True)
    while flood.poll() is None and talk.answers < 7000:  # nginx ends one after 1000 requests
        talk.round()
    n = int(re.search(r"(\d+) packets", flood.communicate(timeout=60)[0])[1])
    talk.round()
    after = agent.vip("www4")
    # The lab's own queues may lose some before the box, but nothing that reached it was dropped.
    assert after["packets"] - vip["packets"] >= n / 2
    received = received_by(site.lab.box) - received
    risen = {k: v - reasons[k] for k, v in agent.counters().items() if v != reasons[k]}
    assert set(risen) <= {"forwarded", "not-ip", "not-a-vip", "icmp", "not-tcp-udp"}
    assert sum(risen.values()) >= received >= n / 2, "every SYN was forwarded"
    assert after["dropped_packets"] == vip["dropped_packets"]
    assert agent.status()["map_memory_bytes"] == memory
    with capsys.disabled():
        print(f"\n{n} SYNs in 4 s, {talk.answers} answers meanwhile on {len(talk.socks)} "
              f"connections, {talk.retransmitted()} segments sent again")
    talk.close()
    router.ip("route del blackhole default")
