# SPDX-License-Identifier: GPL-2.0-only
"""Health probes: a backend that fails leaves the rotation, comes back, and disturbs no other."""

import copy

import pytest

from lablib import config
from lablib.client import Download, RequestStream
from lablib.wait import wait_until

CASES = {name: config.CASES[name] for name in ("l2-v4", "6in6")}
VIPS = [address for address, _, _ in CASES.values()]
POOLS = {"web4": config.V4, "web6": config.V6}
BASE = config.matrix(cases=CASES, health=config.http_health())


@pytest.fixture(scope="module")
def shared_site(make_site):
    return make_site(BASE)


@pytest.fixture
def site(shared_site):
    """The site with every backend up, and its first config."""
    for backend in shared_site.lab.backends:
        backend.set_sick(False)
        if not backend.nginx.running():
            backend.start_nginx()
            backend.wait_nginx()
    shared_site.agent.reload(BASE)
    wait_all(shared_site, "up")
    return shared_site


def wait_all(site, state, backends=(0, 1, 2)):
    for pool, addresses in POOLS.items():
        for i in backends:
            site.agent.wait_backend(pool, addresses[i], health=state)


def served_by(site, vip, n=120):
    tally = site.client.get_many(vip, n)
    tally.assert_clean()
    return set(tally.counts)


FAILURES = {
    "stopped": (lambda backend: backend.stop_nginx(), "refused"),
    "sick": (lambda backend: backend.set_sick(True), "503"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failed_backend_leaves_the_rotation_and_lbctl_says_why(site, failure):
    fail, said = FAILURES[failure]
    fail(site.lab.backends[1])
    wait_all(site, "down", [1])
    backend = site.agent.backend("web4", config.V4[1])
    assert backend["usable"] is False
    assert backend["why"].startswith("health check:")
    assert said in backend["health_error"]
    for vip in VIPS:
        assert served_by(site, vip) == {"be1", "be3"}


def test_backend_that_recovers_gets_exactly_its_flows_back(site):
    ports = range(33000, 33060)
    before = {vip: site.client.mapping(vip, ports) for vip in VIPS}
    site.lab.backends[1].set_sick(True)
    wait_all(site, "down", [1])
    meanwhile = {vip: site.client.mapping(vip, ports) for vip in VIPS}
    for vip in VIPS:
        moved = {p for p in ports if before[vip][p] != meanwhile[vip][p]}
        assert moved == {p for p in ports if before[vip][p] == "be2"}
    site.lab.backends[1].set_sick(False)
    wait_all(site, "up", [1])
    site.agent.wait_usable()
    assert {vip: site.client.mapping(vip, ports) for vip in VIPS} == before


@pytest.mark.parametrize("vip", VIPS)
def test_downloads_on_other_backends_do_not_notice(site, vip):
    mapping = site.client.mapping(vip, range(32000, 32040))
    others = [p for p, backend in mapping.items() if backend != "be2"][:6]
    downloads = [Download(site.lab.client, vip, rate=4 << 20, source_port=p) for p in others]
    for download in downloads:
        download.wait_started()
    site.lab.backends[1].stop_nginx()
    wait_all(site, "down", [1])
    assert any(d.is_alive() for d in downloads), "the downloads were over too early"
    for download in downloads:
        download.assert_intact(site.sha256)


def test_backend_that_fails_only_its_probe_loses_no_request(site):
    """Sick, but serving: whatever is under way when its slots move is a reset at the most."""
    streams = [RequestStream(site.lab.client, vip, first_port=34000) for vip in VIPS]
    for stream in streams:
        stream.wait_progress(50)
    site.lab.backends[1].set_sick(True)
    wait_all(site, "down", [1])
    site.lab.backends[1].set_sick(False)
    wait_all(site, "up", [1])
    for stream in streams:
        stream.wait_progress(50)
        tally = stream.stop()
        assert len(tally.errors) <= 2, tally.errors[:5]


def test_single_failed_probe_does_not_take_a_backend_out(site):
    doc = config.matrix(cases=CASES, health=config.http_health(interval="300ms", fall=5))
    site.agent.reload(doc)
    site.lab.backends[1].set_sick(True)
    address = config.V4[1]
    wait_until(lambda: site.agent.backend("web4", address)["health_error"], 5, "a failed probe")
    assert site.agent.backend("web4", address)["health"] == "up"
    site.lab.backends[1].set_sick(False)
    wait_until(lambda: not site.agent.backend("web4", address)["health_error"], 5, "a good probe")
    assert site.agent.backend("web4", address)["health"] == "up"


def test_with_all_down_the_pool_drops_by_default(site):
    before = site.agent.counters()["no-backend"]
    for backend in site.lab.backends:
        backend.set_sick(True)
    wait_all(site, "down")
    for vip in VIPS:
        with pytest.raises(OSError):
            site.client.get(vip, timeout=0.3)
    assert site.agent.counters()["no-backend"] > before
    assert site.agent.status()["backends_usable"] == 0


def test_with_all_down_and_use_all_every_backend_is_used(site):
    doc = config.matrix(cases=CASES, health=config.http_health(), when_all_down="use_all")
    site.agent.reload(doc)
    for backend in site.lab.backends:
        backend.set_sick(True)
    wait_all(site, "down")
    for vip in VIPS:
        assert served_by(site, vip) == {"be1", "be2", "be3"}
    site.lab.backends[0].set_sick(False)
    wait_all(site, "up", [0])
    for vip in VIPS:
        wait_until(lambda v=vip: served_by(site, v, 40) == {"be1"}, 5, "only the healthy one used")


def test_tcp_probe_notices_a_closed_port(site):
    site.agent.reload(config.matrix(cases=CASES, health=config.tcp_health()))
    site.lab.backends[2].set_sick(True)  # which a TCP probe does not see
    wait_all(site, "up")
    site.lab.backends[2].stop_nginx()
    wait_all(site, "down", [2])
    for vip in VIPS:
        assert served_by(site, vip) == {"be1", "be2"}


def test_removing_the_health_check_brings_a_failed_backend_back(site):
    site.lab.backends[1].set_sick(True)
    wait_all(site, "down", [1])
    site.agent.reload(config.matrix(cases=CASES))
    site.agent.wait_backend("web4", config.V4[1], health="unchecked", usable=True)
    for vip in VIPS:
        assert served_by(site, vip) == {"be1", "be2", "be3"}


def test_health_survives_the_agent(site):
    """The next agent must not send clients to a backend that was down until it has probed it."""
    site.lab.backends[1].set_sick(True)
    wait_all(site, "down", [1])
    streams = [RequestStream(site.lab.client, vip, first_port=34000) for vip in VIPS]
    site.agent.kill9()
    site.agent.start(wait_usable=False)
    for stream in streams:
        stream.wait_progress(60)
        tally = stream.stop()
        tally.assert_clean()
        assert "be2" not in tally.counts


def test_probe_of_another_port_and_path_is_what_counts(site):
    doc = copy.deepcopy(BASE)
    for pool in doc["pools"].values():
        pool["health"] = config.http_health(port=81)
    site.agent.reload(doc)
    wait_all(site, "down")
