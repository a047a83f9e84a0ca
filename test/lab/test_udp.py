# SPDX-License-Identifier: GPL-2.0-only
"""A UDP service through the balancer."""

import socket

import pytest

from lablib import config
from lablib.client import UdpStream
from lablib.site import UDP_PORT


def udp_doc(**options):
    doc = config.matrix()
    for vip in doc["vips"]:
        vip.update(protocol="udp", port=UDP_PORT, **options)
    return doc


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(udp_doc())


@pytest.fixture(params=config.CASES)
def vip(request):
    return config.CASES[request.param][0]


def test_every_datagram_is_answered_from_the_vip(site, vip):
    stream = UdpStream(site.lab.client, vip, UDP_PORT, flows=48, interval=0.0005)
    stream.wait_progress(1000)
    stream.finish_sending()
    assert stream.lost() == []


def test_flow_stays_on_one_backend_and_flows_use_all(site, vip):
    stream = UdpStream(site.lab.client, vip, UDP_PORT, flows=48, interval=0.0005)
    stream.wait_progress(500)
    stream.finish_sending()
    flows = stream.backends_of_flows()
    assert len(flows) == 48
    assert all(len(names) == 1 for names in flows.values())
    assert set.union(*flows.values()) == {"be1", "be2", "be3"}


def test_affinity_source_sends_a_client_to_one_backend(site, vip):
    site.agent.reload(udp_doc(affinity="source"))
    try:
        stream = UdpStream(site.lab.client, vip, UDP_PORT, flows=48, interval=0.0005)
        stream.wait_progress(300)
        stream.finish_sending()
        assert stream.lost() == []
        assert len(set.union(*stream.backends_of_flows().values())) == 1
    finally:
        site.agent.reload(udp_doc())


NEIGHBOURS = {4: [f"10.77.0.{host}" for host in range(100, 116)],
              6: [f"fd77::{host:x}" for host in range(0x100, 0x110)]}


@pytest.fixture(scope="module")
def neighbours(site):
    """More clients in the networks of the first one: addresses of the same namespace."""
    site.lab.client.ip(*(f"addr add {a}/{24 if n == 4 else 64} dev eth0{'' if n == 4 else ' nodad'}"
                         for n, addresses in NEIGHBOURS.items() for a in addresses))
    return NEIGHBOURS


def backends_of_sources(site, vip, sources):
    names = set()
    with site.lab.client.enter():
        for source in sources:
            with socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET,
                               socket.SOCK_DGRAM) as sock:
                sock.settimeout(3)
                sock.bind((source, 0))
                sock.connect((vip, UDP_PORT))
                sock.send(b"x")
                names.add(sock.recv(2048).split()[0].decode())
    return names


def test_an_affinity_prefix_sends_a_network_to_one_backend(site, vip, neighbours):
    sources = neighbours[6 if ":" in vip else 4]
    site.agent.reload(udp_doc(affinity="source"))
    try:
        assert len(backends_of_sources(site, vip, sources)) > 1
        doc = udp_doc(affinity="source")
        for v in doc["vips"]:
            v["affinity_prefix"] = 64 if ":" in v["address"] else 24
        plan = site.agent.plan(doc)
        assert {v["detail"] for v in plan["vips"]} == {"affinity source → source/24",
                                                       "affinity source → source/64"}
        site.agent.reload(doc)
        assert len(backends_of_sources(site, vip, sources)) == 1
    finally:
        site.agent.reload(udp_doc())
