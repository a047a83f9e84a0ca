# SPDX-License-Identifier: GPL-2.0-only
"""VIPs of one port, a range and any port on one address: who answers, by datagrams of a client.

Each VIP has a pool of its own with one backend, so that the backend that answers names the VIP.
"""

import pytest

from lablib import config
from lablib.client import UdpStream
from lablib.site import UDP_PORT

NARROW = f"{UDP_PORT - 5}-{UDP_PORT + 5}"
CASES = {"v4": ("192.0.2.80", config.V4), "v6": ("2001:db8:80::80", config.V6)}
WHO = {"one": "be1", "narrow": "be2", "any": "be3"}  # VIP → backend


def document(*names):
    ports = {"one": UDP_PORT, "narrow": NARROW, "any": "any"}
    pools, vips = {}, []
    for case, (address, backends) in CASES.items():
        for i, name in enumerate(WHO):
            if name in names:
                pools[f"{name}-{case}"] = config.pool([backends[i]])
                vips.append(config.vip(f"{name}-{case}", address, "l2", f"{name}-{case}",
                                       protocol="udp", port=ports[name]))
    return config.document(pools, vips)


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(document(*WHO))


def answers(site, address):
    stream = UdpStream(site.lab.client, address, UDP_PORT, flows=8, interval=0.0005)
    stream.wait_progress(100)
    stream.finish_sending()
    assert stream.lost() == []
    return set.union(*stream.backends_of_flows().values())


@pytest.mark.parametrize("case", CASES)
def test_the_most_specific_vip_answers(site, case):
    address, _ = CASES[case]
    for names in (("one", "narrow", "any"), ("narrow", "any"), ("any",), ("one", "any"),
                  ("one", "narrow")):
        site.agent.reload(document(*names))
        site.agent.wait_usable()
        assert answers(site, address) == {WHO[names[0]]}, names


def test_ports_are_shown_as_they_are_configured(site):
    site.agent.reload(document(*WHO))
    text = site.agent.lbctl("vips").stdout
    for ports in (f"{UDP_PORT}/udp", f"{NARROW}/udp", "any/udp"):
        assert f" {ports} " in text
    vip = site.agent.vip("narrow-v4")
    assert (vip["port"], vip["port_last"]) == (UDP_PORT - 5, UDP_PORT + 5)
    plan = site.agent.lbctl("plan", site.agent.write(document("one")) or site.agent.config).stdout
    assert f"192.0.2.80:{NARROW}/udp" in plan
    assert "[2001:db8:80::80]:any/udp" in plan
    site.agent.write(document(*WHO))


def test_the_next_agent_knows_the_ranges_and_goes_on_counting(site):
    site.agent.reload(document(*WHO))
    site.agent.reload(document("narrow", "any"))
    address, _ = CASES["v4"]
    answers(site, address)
    before = site.agent.vip("narrow-v4")["packets"]
    generation = site.agent.status()["generation"]
    site.agent.kill9()
    site.agent.start()
    assert site.agent.status()["generation"] == generation
    assert site.agent.vip("narrow-v4")["packets"] == before > 0
    assert answers(site, address) == {WHO["narrow"]}
