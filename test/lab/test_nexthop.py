# SPDX-License-Identifier: GPL-2.0-only
"""Next hops: a backend that cannot be reached is not used, lbctl says why, and it comes back."""

import copy

import pytest

from lablib import config
from lablib.wait import wait_until

CASES = {name: config.CASES[name] for name in ("l2-v4", "l2-v6", "4in4", "6in6")}
VIPS = {name: case[0] for name, case in CASES.items()}
BASE = config.matrix(cases=CASES)
NEW_MAC = "02:77:00:00:00:42"


@pytest.fixture(scope="module")
def shared_site(make_site):
    return make_site(BASE)


@pytest.fixture
def site(shared_site):
    shared_site.agent.reload(BASE)
    shared_site.agent.wait_usable()
    return shared_site


def served_by(site, vip, n=90):
    tally = site.client.get_many(vip, n, timeout=2)
    tally.assert_clean()
    return set(tally.counts)


def assert_all_serve(site):
    for vip in VIPS.values():
        assert served_by(site, vip) == {"be1", "be2", "be3"}


def test_resolved_next_hop_is_shown_with_device_and_mac(site):
    for backend, v4, v6 in zip(site.lab.backends, config.V4, config.V6):
        for pool, address in (("web4", v4), ("web6", v6)):
            hop = site.agent.backend(pool, address)["next_hop"]
            assert hop["status"] == "resolved"
            assert hop["device"] == "lb0"
            assert hop["mac"] == backend.mac()
            assert hop["mtu"] == 1600


def test_neighbour_entries_are_managed_by_the_kernel(site):
    for version in ("-4", "-6"):
        shown = site.lab.box.run("ip", version, "neigh", "show", "dev", "lb0").stdout
        for address in config.V4 if version == "-4" else config.V6:
            line = next(x for x in shown.split("\n") if x.startswith(address + " "))
            assert "managed" in line


@pytest.mark.parametrize("name", VIPS)
def test_changed_mac_is_followed(site, name):
    backend = site.lab.backends[1]
    old = backend.mac()
    try:
        backend.ns.ip(f"link set eth0 address {NEW_MAC}")
        announce(site, backend)
        for pool, address in (("web4", backend.v4), ("web6", backend.v6)):
            wait_until(lambda p=pool, a=address:
                       site.agent.backend(p, a)["next_hop"]["mac"] == NEW_MAC,
                       10, f"the new MAC of {address}")
        assert served_by(site, VIPS[name]) == {"be1", "be2", "be3"}
    finally:
        backend.ns.ip(f"link set eth0 address {old}")
        announce(site, backend)
        wait_until(lambda: site.agent.backend("web4", backend.v4)["next_hop"]["mac"] == old and
                   site.agent.backend("web6", backend.v6)["next_hop"]["mac"] == old,
                   10, "the old MAC")


def announce(site, backend):
    """The backend speaks to the box and the router, so that both learn its address anew."""
    for address in ("10.77.1.2", "fd77:1::2", "10.77.1.1", "fd77:1::1"):
        backend.ns.run("ping", "-c1", "-W1", address, check=False)
    for v4_or_6, address in (("-4", backend.v4), ("-6", backend.v6)):
        site.lab.router.run("ip", v4_or_6, "neigh", "flush", "to", address, check=False)


def test_backend_without_a_route_is_not_used(site):
    box, backend = site.lab.box, site.lab.backends[2]
    box.ip(f"route add unreachable {backend.v4}", f"route add unreachable {backend.v6}")
    try:
        for pool, address in (("web4", backend.v4), ("web6", backend.v6)):
            b = site.agent.wait_backend(pool, address, usable=False)
            assert b["why"].startswith("next hop:")
            assert b["next_hop"]["status"] != "resolved"
        for vip in VIPS.values():
            assert served_by(site, vip) == {"be1", "be2"}
    finally:
        box.ip(f"route del unreachable {backend.v4}", f"route del unreachable {backend.v6}")
    site.agent.wait_usable()
    assert_all_serve(site)


def test_backend_that_does_not_answer_is_not_used_and_comes_back(site):
    """Its cable is pulled: the neighbour fails, which the managed entry notices by itself."""
    backend = site.lab.backends[2]
    site.lab.router.ip(f"link set {backend.name} down")
    try:
        # What waits is confirmed again by the kernel after the reachable time; shorten the wait.
        for address in (backend.v4, backend.v6):
            site.lab.box.run("ip", "neigh", "change", address, "dev", "lb0", "nud", "probe",
                             check=False)
        for pool, address in (("web4", backend.v4), ("web6", backend.v6)):
            b = site.agent.wait_backend(pool, address, timeout=20, usable=False)
            assert b["why"].startswith("next hop:")
            assert address in b["why"] or "answer" in b["why"]
        for vip in VIPS.values():
            assert served_by(site, vip) == {"be1", "be2"}
    finally:
        site.lab.router.ip(f"link set {backend.name} up")
    wait_until(lambda: site.agent.status()["backends_usable"] == 6, 30, "the backend's return")
    assert_all_serve(site)


def test_backend_behind_a_gateway_is_reached_through_it(site):
    """ipip to addresses that only a gateway knows; the next hop is the gateway's."""
    doc = copy.deepcopy(BASE)
    doc["pools"] = {"web4": config.pool(["10.78.0.11"]), "web6": config.pool(["fd78::11"])}
    doc["vips"] = [v for v in doc["vips"] if v["forward"] == "ipip"]
    backend = site.lab.backends[0]
    backend.ns.ip("addr add 10.78.0.11/32 dev lo", "addr add fd78::11/128 dev lo nodad")
    site.lab.router.ip(f"route add 10.78.0.11 via {backend.v4}",
                       f"route add fd78::11 via {backend.v6}")
    try:
        site.agent.reload(doc)
        site.agent.wait_usable()
        for pool, address, via in (("web4", "10.78.0.11", "10.77.1.1"),
                                   ("web6", "fd78::11", "fd77:1::1")):
            assert site.agent.backend(pool, address)["next_hop"]["via"] == via
        for vip in doc["vips"]:
            assert served_by(site, vip["address"]) == {"be1"}
        # The route changes under way: straight to the backend now.
        site.lab.box.ip(f"route add 10.78.0.11 via {backend.v4}",
                        f"route add fd78::11 via {backend.v6}")
        for pool, address, via in (("web4", "10.78.0.11", backend.v4),
                                   ("web6", "fd78::11", backend.v6)):
            wait_until(lambda p=pool, a=address, v=via:
                       site.agent.backend(p, a)["next_hop"]["via"] == v, 5, f"a route via {via}")
        for vip in doc["vips"]:
            assert served_by(site, vip["address"]) == {"be1"}
    finally:
        for ns in (site.lab.box, site.lab.router):
            ns.run("ip", "route", "del", "10.78.0.11", check=False)
            ns.run("ip", "-6", "route", "del", "fd78::11", check=False)
        backend.ns.ip("addr del 10.78.0.11/32 dev lo", "addr del fd78::11/128 dev lo")


def test_old_next_hop_serves_while_a_new_route_with_another_source_is_resolved(site):
    box, router, backend = site.lab.box, site.lab.router, site.lab.backends[0]
    doc = copy.deepcopy(BASE)
    doc["pools"] = {"web4": config.pool(["10.78.0.11"])}
    doc["vips"] = [v for v in doc["vips"] if v["name"] == "4in4"]
    backend.ns.ip("addr add 10.78.0.11/32 dev lo")
    router.ip(f"route add 10.78.0.11 via {backend.v4}")
    box.ip("addr add 10.77.1.3/24 dev lb0")
    try:
        site.agent.reload(doc)
        site.agent.wait_usable()
        # Nobody has the gateway's address; the kernel takes seconds to give up.
        box.ip("route add 10.78.0.11 via 10.77.1.199 src 10.77.1.3")
        seen = wait_until(lambda: (b := site.agent.backend("web4", "10.78.0.11"))
                          ["next_hop"]["status"] == "neigh-pending" and b, 5, "a new next hop")
        assert seen["usable"] is True
        assert served_by(site, "192.0.2.81", 20) == {"be1"}
        site.agent.wait_backend("web4", "10.78.0.11", usable=False)
    finally:
        for ns in (box, router):
            ns.run("ip", "route", "del", "10.78.0.11", check=False)
        box.ip("addr del 10.77.1.3/24 dev lb0")
        backend.ns.ip("addr del 10.78.0.11/32 dev lo")


def test_interface_that_goes_down_is_shown_and_comes_back(site):
    box = site.lab.box
    box.ip("link set lb0 down")
    try:
        wait_until(lambda: site.agent.status()["backends_usable"] == 0, 5, "no usable backend")
        why = site.agent.backend("web4", config.V4[0])["why"]
        assert why.startswith("next hop:")
    finally:
        # Taking a device down removes its IPv6 address and the routes through it.
        box.ip("link set lb0 up")
        box.run("ip", "addr", "replace", "fd77:1::2/64", "dev", "lb0", "nodad")
        box.run("ip", "route", "replace", "default", "via", "10.77.1.1")
        box.run("ip", "-6", "route", "replace", "default", "via", "fd77:1::1")
    site.agent.wait_usable(timeout=20)
    assert_all_serve(site)
