# SPDX-License-Identifier: GPL-2.0-only
"""lb-agent --teardown removes everything that Sluice put into the kernel, and nothing else."""

import os

import pytest

from lablib import bpf, config, snapshot
from lablib.agent import Agent
from lablib.client import Client
from lablib.lab import Lab
from lablib.wait import wait_until

DOC = config.matrix()


@pytest.fixture
def lab(lab_guard):
    """A fresh lab each time: it is about what is there before and after."""
    with Lab(config.addresses(DOC), arms=2) as lab:
        lab_guard(lab)
        yield lab


def run_and_end(lab, end="stop"):
    agent = Agent(lab, DOC).start()
    assert agent.status()["backends_usable"] == 6
    getattr(agent, end)()
    return agent


def assert_same(before, after):
    for key in before:
        assert after[key] == before[key], f"'{key}' is not as it was"


def settle(lab):
    """Learns the neighbours first, so that the comparison sees only Sluice's part."""
    for backend in lab.backends:
        lab.box.run("ping", "-c1", "-W2", backend.v4)
        lab.box.run("ping", "-c1", "-W2", backend.v6)


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_teardown_leaves_the_namespace_as_it_was(lab, end):
    settle(lab)
    before = snapshot.network(lab.box)
    neighbours = snapshot.managed_neighbours(lab.box)
    agent = run_and_end(lab, end)
    assert snapshot.network(lab.box)["link"] != before["link"], "nothing was attached"
    assert snapshot.managed_neighbours(lab.box) != neighbours
    agent.teardown()
    assert_same(before, snapshot.network(lab.box))
    assert snapshot.managed_neighbours(lab.box) == neighbours


def test_teardown_leaves_no_program_map_or_pin(lab):
    pins = snapshot.tree(lab.bpffs)
    before = snapshot.bpf_all()
    agent = run_and_end(lab)
    during = snapshot.bpf_all()
    assert len(during["map"]) > len(before["map"])
    agent.teardown()
    # libxdp's own directory, where it takes its lock, belongs to all of its users.
    libxdp = os.path.join(lab.bpffs, "xdp")
    assert [p for p in snapshot.tree(lab.bpffs) if p != libxdp] == pins
    # Programs and maps are freed after a grace period.
    wait_until(lambda: all(snapshot.bpf_ids(k) <= before[k] for k in before), 10,
               lambda: f"the end of {[(k, snapshot.bpf_ids(k) - before[k]) for k in before]}")


def test_vip_lives_without_an_agent_and_is_dead_after_teardown(lab):
    client, vip = Client(lab.client), config.CASES["l2-v4"][0]
    for backend in lab.backends:
        backend.start_nginx()
    for backend in lab.backends:
        backend.wait_nginx()
    agent = run_and_end(lab)
    client.get_many(vip, 50).assert_clean()
    agent.teardown()
    with pytest.raises(OSError):
        client.get(vip, timeout=0.3)


def test_teardown_leaves_foreign_programs_and_pins_alone(lab):
    foreign = os.path.join(lab.bpffs, "foreign")
    bpf.pin_xdp(foreign, name="foreign")
    lab.box.run("bpftool", "net", "attach", "xdpdrv", "pinned", foreign, "dev", "lb1")
    other = os.path.join(lab.bpffs, "other")
    os.mkdir(other)
    bpf.pin_xdp(os.path.join(other, "pinned"), name="other")
    lab.box.ip("neigh add 10.77.1.200 lladdr 02:00:00:00:00:01 dev lb1 nud permanent",
               "route add 198.51.100.0/24 via 10.77.1.1")
    before = snapshot.network(lab.box)
    agent = run_and_end(lab)
    agent.teardown()
    assert_same(before, snapshot.network(lab.box))
    assert os.path.exists(foreign) and os.path.exists(os.path.join(other, "pinned"))
    assert "10.77.1.200" in lab.box.run("ip", "neigh").stdout


def test_teardown_is_refused_while_an_agent_runs(lab):
    agent = Agent(lab, DOC).start()
    result = agent.teardown(check=False)
    assert result.returncode != 0
    assert "run" in result.stderr
    assert agent.status()["backends_usable"] == 6
    assert agent.status()["interfaces"][0]["attached"] is True


def test_second_teardown_says_that_there_is_nothing_and_succeeds(lab):
    agent = run_and_end(lab)
    agent.teardown()
    result = agent.teardown(check=False)
    assert result.returncode == 0, result.stderr


def test_agent_starts_afresh_after_a_teardown(lab):
    agent = run_and_end(lab)
    agent.teardown()
    agent.start()
    assert agent.status()["adopted"] is False
    assert agent.status()["backends_usable"] == 6
