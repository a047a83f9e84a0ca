# SPDX-License-Identifier: GPL-2.0-only
"""A UDP service through the balancer."""

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
