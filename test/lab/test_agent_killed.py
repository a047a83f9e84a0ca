# SPDX-License-Identifier: GPL-2.0-only
"""The agent dies under traffic, and another takes over: no packet may notice."""

import copy

import pytest

from lablib import config
from lablib.client import Download, RequestStream, UdpStream, assert_shares
from lablib.site import UDP_PORT

CASES = {name: config.CASES[name] for name in ("l2-v4", "6in6")}


def base_doc():
    doc = config.matrix(cases=CASES)
    doc["vips"] += [{**v, "name": v["name"] + "-udp", "protocol": "udp", "port": UDP_PORT}
                    for v in doc["vips"]]
    return doc


BASE = base_doc()
VIPS = [address for address, _, _ in CASES.values()]


@pytest.fixture(scope="module")
def shared_site(make_site):
    return make_site(BASE)


@pytest.fixture
def site(shared_site):
    """The site with a running agent and its first config, without overrides."""
    agent = shared_site.agent
    agent.write(BASE)
    if not agent.process.running():
        agent.start()
    for b in agent.ctl("backends"):
        if b["override"]:
            agent.lbctl("undrain", b["pool"], b["address"])
    agent.reload(BASE)
    agent.wait_usable()
    return shared_site


class Traffic:
    """Requests, UDP and downloads on every VIP, all of it checked at the end."""

    def __init__(self, site):
        self.site = site
        ns = site.lab.client
        self.requests = [RequestStream(ns, vip, first_port=34000) for vip in VIPS]
        self.udp = [UdpStream(ns, vip, UDP_PORT, first_port=40000 + 100 * i)
                    for i, vip in enumerate(VIPS)]
        self.downloads = [Download(ns, vip, rate=1 << 20, source_port=45000 + i)
                          for i in range(3) for vip in VIPS]
        for download in self.downloads:
            download.wait_started()

    def flow(self, more=40):
        """Waits until so much more went through on every stream."""
        for stream in self.requests + self.udp:
            stream.wait_progress(more)

    def assert_nothing_lost(self):
        assert all(d.is_alive() for d in self.downloads), "a download was over too early"
        for stream in self.udp:
            stream.finish_sending()
            assert stream.lost() == [], f"{len(stream.lost())} of {stream.sent} datagrams lost"
            assert all(len(names) == 1 for names in stream.backends_of_flows().values())
        for stream in self.requests:
            stream.stop().assert_clean()
        for download in self.downloads:
            download.assert_intact(self.site.sha256)


@pytest.mark.parametrize("end", ["kill9", "stop"])
def test_nothing_is_lost_without_an_agent_and_while_the_next_adopts(site, end):
    traffic = Traffic(site)
    traffic.flow()
    getattr(site.agent, end)()
    traffic.flow()
    site.agent.start()
    assert site.agent.status()["adopted"] is True
    traffic.flow()
    traffic.assert_nothing_lost()


def test_nothing_is_lost_when_the_agent_dies_three_times_in_a_row(site):
    traffic = Traffic(site)
    for _ in range(3):
        site.agent.kill9()
        site.agent.start()
        traffic.flow(10)
    traffic.assert_nothing_lost()


def test_agent_that_is_killed_while_it_starts_leaves_the_data_plane_working(site):
    traffic = Traffic(site)
    site.agent.kill9()
    for _ in range(5):
        site.agent.start_only()
        traffic.flow(5)
        site.agent.kill9()
    site.agent.start()
    traffic.flow(20)
    traffic.assert_nothing_lost()


def test_counters_go_on_where_they_were(site):
    for vip in VIPS:
        site.client.get_many(vip, 20).assert_clean()
    before = {v["name"]: v["packets"] for v in site.agent.ctl("vips")}
    backends = {a: b["packets"] for a, b in site.agent.backends().items()}
    reasons = site.agent.counters()
    site.agent.kill9()
    site.agent.start()
    assert {v["name"]: v["packets"] for v in site.agent.ctl("vips")} == before
    assert {a: b["packets"] for a, b in site.agent.backends().items()} == backends
    assert site.agent.counters()["forwarded"] >= reasons["forwarded"] > 0


def test_adopting_agent_applies_the_config_that_changed_meanwhile(site):
    doc = copy.deepcopy(BASE)
    for pool in doc["pools"].values():
        del pool["backends"][1]
    site.agent.kill9()
    site.agent.write(doc)
    site.agent.start()
    for vip in VIPS:
        tally = site.client.get_many(vip, 300)
        tally.assert_clean()
        assert_shares(tally.counts, {"be1": 1, "be2": 0, "be3": 1})


def test_config_change_after_adoption_is_applied(site):
    site.agent.kill9()
    site.agent.start()
    doc = copy.deepcopy(BASE)
    for pool in doc["pools"].values():
        pool["backends"][0]["weight"] = 400
    site.agent.reload(doc)
    for vip in VIPS:
        tally = site.client.get_many(vip, 600)
        tally.assert_clean()
        assert_shares(tally.counts, {"be1": 400, "be2": 100, "be3": 100})


def test_overrides_survive_the_agent_and_a_reload(site):
    agent = site.agent
    agent.lbctl("drain", "web4", "10.77.1.12")
    agent.lbctl("weight", "web4", "10.77.1.13", "300")
    agent.kill9()
    agent.start(wait_usable=False)
    agent.wait_backend("web4", "10.77.1.12", state="drain", override=True, usable=False)
    agent.wait_backend("web4", "10.77.1.13", weight=300, configured_weight=100, override=True)
    agent.reload(BASE)
    assert agent.backend("web4", "10.77.1.12")["state"] == "drain"
    tally = site.client.get_many("192.0.2.80", 600)
    tally.assert_clean()
    assert_shares(tally.counts, {"be1": 100, "be2": 0, "be3": 300})
