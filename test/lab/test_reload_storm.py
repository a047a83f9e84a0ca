# SPDX-License-Identifier: GPL-2.0-only
"""Storms: reloads one on top of the other, an agent that is killed at any moment of them."""

import copy
import os
import random
import time

import pytest

from lablib import config
from lablib.agent import CtlError
from lablib.client import UdpStream
from lablib.site import UDP_PORT
from lablib.wait import wait_until

CASES = {name: config.CASES[name] for name in ("l2-v4", "6in6")}
VIPS = [address for address, _, _ in CASES.values()]
ABSENT = [f"10.77.1.{n}" for n in range(100, 200)]  # on the segment; nobody answers
PORTS = range(36000, 36060)


def base_doc():
    doc = config.matrix(cases=CASES)
    doc["vips"] += [{**v, "name": v["name"] + "-udp", "protocol": "udp", "port": UDP_PORT}
                    for v in doc["vips"]]
    return doc


BASE = base_doc()


def variant(change):
    doc = copy.deepcopy(BASE)
    change(doc)
    return doc


def fewer(doc):
    for pool in doc["pools"].values():
        del pool["backends"][1]


def grown(doc):
    doc["pools"]["web4"]["backends"] += [{"address": a} for a in ABSENT]


def swapped(doc):
    """A backend leaves and so many come that the pool's lines must lie elsewhere."""
    doc["pools"]["web4"]["backends"][1:2] = [{"address": a} for a in ABSENT[:20]]


def reseeded(doc):
    doc["node"]["seed"] = 77


def renamed(doc):
    doc["pools"] = {"other-" + name: pool for name, pool in doc["pools"].items()}
    for v in doc["vips"]:
        v["pool"] = "other-" + v["pool"]


def crossed(doc):
    for v in doc["vips"]:
        if v["forward"] == "ipip":
            v["pool"] = "web4"


def crowded(doc):
    doc["vips"] += [config.vip(f"more{i}", f"192.0.2.{100 + i}", "l2", "web4", port=1000 + i)
                    for i in range(60)]


def weighted(doc):
    doc["pools"]["web6"]["backends"][0]["weight"] = 300


def checked(doc):
    doc["pools"]["web6"]["health"] = config.tcp_health(port=80)


VARIANTS = {f.__name__: variant(f) for f in (fewer, grown, swapped, reseeded, renamed, crossed,
                                             crowded, weighted, checked)}


@pytest.fixture(scope="module")
def shared_site(make_site):
    return make_site(BASE)


@pytest.fixture
def site(shared_site):
    agent = shared_site.agent
    agent.write(BASE)
    if not agent.process.running():
        agent.start()
    agent.reload(BASE)
    agent.wait_usable()
    return shared_site


@pytest.fixture
def traffic(site):
    """Datagrams to both VIPs: each must be answered, by whomever."""
    streams = [UdpStream(site.lab.client, vip, UDP_PORT, first_port=41000 + 100 * i)
               for i, vip in enumerate(VIPS)]
    for stream in streams:
        stream.wait_progress(20)
    yield streams
    for stream in streams:
        stream.finish_sending()
        assert stream.lost() == [], f"{len(stream.lost())} of {stream.sent} datagrams lost"


def reachable(doc):
    return sum(b["address"] not in ABSENT for p in doc["pools"].values() for b in p["backends"])


def assert_settled(site, doc):
    """The agent runs `doc`, the plan knows of no difference, and only `doc`'s backends serve."""
    agent = site.agent
    agent.wait_usable(reachable(doc))
    assert agent.plan(doc)["n_changes"] == 0
    assert {v["name"] for v in agent.ctl("vips")} == {v["name"] for v in doc["vips"]}
    for v in doc["vips"]:
        if v["protocol"] == "tcp" and v["port"] == 80:
            backends = {b["address"] for b in doc["pools"][v["pool"]]["backends"]}
            names = {b.name for b in site.lab.backends if {b.v4, b.v6} & backends}
            tally = site.client.get_many(v["address"], 60)
            tally.assert_clean()
            assert set(tally.counts) <= names


def mappings(site):
    return [site.client.mapping(vip, PORTS) for vip in VIPS]


def test_every_variant_is_applied_from_every_other_without_a_loss(site, traffic):
    rng = random.Random(1)
    names = list(VARIANTS) * 3
    rng.shuffle(names)
    for name in names:
        site.agent.reload(VARIANTS[name])
        time.sleep(0.02)
    assert_settled(site, VARIANTS[names[-1]])
    before = {v["name"]: v["packets"] for v in site.agent.ctl("vips")}
    assert min(before[n + "-udp"] for n in CASES) > 0


def test_nothing_is_lost_when_a_pool_moves_to_other_lines_while_a_backend_leaves(site, traffic):
    """With the slots where they are, packets find the leaving backend until its slots are moved."""
    generations = set()
    for turn in range(3):
        for more in ("room", 0, 0, 20, 45, 75, 99):
            doc = copy.deepcopy(BASE)
            doc["node"]["seed"] = 100 + turn  # a rebuild, which makes the lines compact
            for pool in doc["pools"].values():
                pool["slots"] = 16336
            if more == "room":  # in the maps, for what follows
                doc["pools"]["spare"] = config.pool([f"10.78.1.{i}" for i in range(1, 251)] +
                                                    [f"10.78.2.{i}" for i in range(1, 251)])
            elif more:
                backends = doc["pools"]["web4"]["backends"]
                del backends[turn]
                backends += [{"address": a} for a in ABSENT[:more]]
            site.agent.reload(doc)
            time.sleep(0.05)
            generations.add(site.agent.status()["generation"])
    assert len(generations) == 3, "the moves were to be made within the maps"


def test_table_is_the_same_after_any_history(site):
    want = mappings(site)
    for doc in VARIANTS.values():
        site.agent.reload(doc)
    site.agent.reload(BASE)
    site.agent.wait_usable()
    assert mappings(site) == want


def test_counters_never_go_down_over_reloads(site, traffic):
    last, rng = {}, random.Random(2)

    def look():
        now = {("vip", v["name"]): v["packets"] for v in site.agent.ctl("vips")}
        now.update({(b["pool"], b["address"]): b["packets"] for b in site.agent.ctl("backends")})
        now["forwarded"] = site.agent.counters()["forwarded"]
        return now

    for doc in [BASE, *rng.sample(list(VARIANTS.values()), len(VARIANTS)), BASE]:
        site.agent.reload(doc)
        now = look()
        # What left the config and came back counts from 0; what stayed must not.
        lower = {k: (last[k], n) for k, n in now.items() if k in last and n < last[k]}
        assert lower == {}
        last = {**now}


def test_agent_killed_at_any_moment_of_a_reload_is_followed_by_one_that_settles(site, traffic):
    want = mappings(site)
    rng = random.Random(3)
    for _ in range(15):
        agent = site.agent
        agent.write(rng.choice(list(VARIANTS.values())))
        agent.sighup()
        time.sleep(rng.uniform(0, 0.04))
        agent.kill9()
        doc = rng.choice([BASE, *VARIANTS.values()])
        agent.write(doc)
        agent.start(wait_usable=False)
        assert agent.status()["adopted"] is True
        assert_settled(site, doc)
    site.agent.reload(BASE)
    site.agent.wait_usable()
    assert mappings(site) == want


def test_descriptors_stay_the_same_over_reloads(site):
    def descriptors():
        return len(os.listdir(f"/proc/{site.agent.process.pid}/fd"))

    def reloads(n):
        for i in range(n):
            doc = variant(lambda d: d["node"].update(seed=1 + i % 2))
            site.agent.reload(doc if i % 4 < 2 else BASE)
            site.agent.write(variant(lambda d: d["node"].update(interfaces=["lb0", "missing0"])))
            with pytest.raises(CtlError):
                site.agent.reload()

    reloads(4)
    before = descriptors()
    reloads(12)
    assert descriptors() <= before + 2


def slow_doc():
    """Takes a while to read."""
    doc = copy.deepcopy(BASE)
    doc["pools"]["many"] = config.pool([f"10.200.{n // 250}.{1 + n % 250}" for n in range(8000)])
    return doc


def storm(site, n=100):
    """Sends n signals; how long a few reloads may take."""
    one = site.agent.status()["last_reload"]["took_ms"] / 1000
    for _ in range(n):
        site.agent.sighup()
        time.sleep(0.002)
    return 0.5 + 5 * one


def test_hundred_signals_cost_a_few_reloads(site):
    site.agent.reload(slow_doc())
    before = site.agent.log().count(" applied in ")
    allowed = storm(site)
    done = time.monotonic()
    site.agent.status()
    assert time.monotonic() - done < allowed
    wait_until(lambda: site.agent.log().count(" applied in ") > before, 5, "a reload")
    assert site.agent.log().count(" applied in ") - before < 50


def test_sigterm_in_a_storm_ends_the_agent_at_once(site):
    site.agent.reload(slow_doc())
    allowed = storm(site)
    begun = time.monotonic()
    assert site.agent.stop() == 0
    assert time.monotonic() - begun < allowed
