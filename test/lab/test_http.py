# SPDX-License-Identifier: GPL-2.0-only
"""HTTP through the balancer: every forwarding mode in every combination of families."""

import pytest

from lablib import config
from lablib.client import Download, assert_shares

WEIGHTS = {"be1": 100, "be2": 50, "be3": 10}


@pytest.fixture(scope="module", params=[1, 2], ids=["one-arm", "two-arm"])
def site(request, make_site):
    site = make_site(config.matrix(weights=list(WEIGHTS.values())), arms=request.param)
    yield site
    site.down()


@pytest.fixture(params=config.CASES)
def vip(request):
    return config.CASES[request.param][0]


def test_request_is_served_by_a_backend(site, vip):
    response = site.client.get(vip)
    assert response.status == 200
    assert response.body.decode().strip() == response.backend
    assert response.backend in WEIGHTS


def test_two_thousand_connections_are_spread_by_weight(site, vip):
    tally = site.client.get_many(vip, 2000)
    tally.assert_clean()
    assert tally.total == 2000
    assert_shares(tally.counts, WEIGHTS)


def test_same_flow_goes_to_the_same_backend(site, vip):
    ports = range(25000, 25030)
    assert site.client.mapping(vip, ports) == site.client.mapping(vip, ports)


def test_large_download_arrives_whole(site, vip):
    downloads = [Download(site.lab.client, vip, source_port=26000 + i) for i in range(6)]
    for download in downloads:
        download.assert_intact(site.sha256)


def test_curl_is_served(site, vip):
    host = f"[{vip}]" if ":" in vip else vip
    result = site.lab.client.run("curl", "-sS", "--max-time", "5", "-o", "/dev/null", "-w",
                                 "%{http_code}", f"http://{host}/")
    assert result.stdout == "200"


def test_requests_are_counted_for_their_vip_and_for_no_other(site, vip):
    def packets():
        return {v["address"]: v["packets"] for v in site.agent.ctl("vips")}
    before = packets()
    site.client.get_many(vip, 50, first_port=27000).assert_clean()
    after = packets()
    # SYN, ACK, request, FIN: at least four packets a connection.
    assert after[vip] - before[vip] >= 200
    assert {a: after[a] - before[a] for a in after if a != vip} == \
        {a: 0 for a in after if a != vip}


def test_backends_counters_add_up_to_the_vips(site, vip):
    pool = site.agent.vip(next(v["name"] for v in site.doc["vips"] if v["address"] == vip))["pool"]
    before = {a: b["packets"] for a, b in site.agent.backends(pool).items()}
    vips_before = sum(v["packets"] for v in site.agent.ctl("vips") if v["pool"] == pool)
    site.client.get_many(vip, 50, first_port=28000).assert_clean()
    after = {a: b["packets"] for a, b in site.agent.backends(pool).items()}
    vips_after = sum(v["packets"] for v in site.agent.ctl("vips") if v["pool"] == pool)
    assert sum(after.values()) - sum(before.values()) == vips_after - vips_before > 0


def test_box_itself_is_reached_past_the_balancer(site):
    """Not a VIP: passed to the kernel, untouched."""
    site.lab.router.run("ping", "-c2", "-i0.1", "-W2", "10.77.1.2")
    site.lab.router.run("ping", "-c2", "-i0.1", "-W2", "fd77:1::2")


def test_port_that_is_no_vip_is_not_balanced(site):
    with pytest.raises(OSError):
        site.client.get("192.0.2.80", port=81, timeout=0.3)
    assert site.agent.counters()["not-a-vip"] > 0
