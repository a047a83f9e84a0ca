# SPDX-License-Identifier: GPL-2.0-only
"""Each scenario of tools/trafgen is sent by trafgen, and the box counts what the scenario says.

The frames leave the router's port towards the box (two arms), where nothing else sends: so every
counter is looked at, and one packet too many or too few is seen.
"""

import collections
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys

import pytest

from lablib import config, paths
from lablib.agent import Agent
from lablib.lab import Lab
from lablib.wait import wait_until

DIRECTORY = os.path.join(paths.ROOT, "tools", "trafgen")
SEND = os.path.join(DIRECTORY, "send")
SCENARIOS = sorted(f[:-4] for f in os.listdir(DIRECTORY) if f.endswith(".cfg"))

VIP4, VIP6 = "192.0.2.80", "2001:db8:80::80"
TCP_PORT, UDP_PORT = 80, 53
# The name of the VIP by what a packet's comment starts with.
VIPS = {"IPv4 TCP": "tcp4", "IPv6 TCP": "tcp6", "IPv4 UDP": "udp4", "IPv6 UDP": "udp6"}
ROUNDS = 25  # of a scenario's packets


def document():
    pools = {"web4": config.pool(config.V4), "web6": config.pool(config.V6)}
    return config.document(pools, [
        config.vip("tcp4", VIP4, "ipip", "web4", port=TCP_PORT),
        config.vip("tcp6", VIP6, "l2", "web6", port=TCP_PORT),
        config.vip("udp4", VIP4, "l2", "web4", protocol="udp", port=UDP_PORT),
        config.vip("udp6", VIP6, "ipip", "web6", protocol="udp", port=UDP_PORT)])


def load_send():
    loader = importlib.machinery.SourceFileLoader("trafgen_send", SEND)
    spec = importlib.util.spec_from_loader("trafgen_send", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def packets(scenario):
    """What the scenario's comments say, read independently of send: [(reason, text)]."""
    with open(os.path.join(DIRECTORY, scenario + ".cfg"), encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"^/\* ([a-z0-9-]+): (.*) \*/$", text, re.M)
    assert len(found) == len(re.findall(r"^\{", text, re.M)) > 0, "a packet without its comment"
    return found


class Box:
    """The lab, with the agent; sends on the router's port and counts in the box."""

    def __init__(self, lab, agent):
        self.lab = lab
        self.agent = agent
        text = lab.box.run("ip", "-o", "link", "show", "lb0").stdout
        self.mac = re.search(r"link/ether (\S+)", text)[1]

    def send(self, *argv, check=True):
        return self.lab.router.run(SEND, *argv, check=check)

    def send_scenario(self, scenario, *argv, vips=(VIP4, VIP6), **options):
        vip_args = [a for v in vips for a in ("--vip", v)]
        return self.send(scenario, "--dev", "wan", "--dst-mac", self.mac, *vip_args, *argv,
                         **options)

    def snapshot(self):
        counts = collections.Counter(self.agent.counters())
        for vip in self.agent.ctl("vips"):
            counts["vip " + vip["name"]] = vip["packets"]
            counts["dropped by " + vip["name"]] = vip["dropped_packets"]
        for address, backend in self.agent.backends().items():
            counts["backend " + address] = backend["packets"]
        return counts

    def risen(self, before):
        return {k: n - before[k] for k, n in self.snapshot().items() if n != before[k]}


@pytest.fixture(scope="module")
def box(lab_guard):
    with Lab([VIP4, VIP6], arms=2) as lab:
        lab_guard(lab)
        # What the backends answer to forged sources ends here, and the port falls silent.
        lab.router.ip("route add blackhole default", "route add blackhole ::/0")
        lab.router.sysctl("net.ipv6.conf.wan.disable_ipv6", 1)
        agent = Agent(lab, document())
        agent.start()
        yield Box(lab, agent)
        agent.stop()


def expectation(scenario, rounds=ROUNDS):
    """{counter: packets}, without those of single backends."""
    expected = collections.Counter()
    for reason, text in packets(scenario):
        expected[reason] += rounds
        if reason == "forwarded":
            expected["vip " + VIPS[text[:8]]] += rounds
    return dict(expected)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_just_the_reasons_that_a_scenario_names_rise(box, scenario):
    expected = expectation(scenario)
    before = box.snapshot()
    count = ROUNDS * len(packets(scenario))
    sent = box.send_scenario(scenario, "--count", str(count))
    assert f"{scenario}: {count} packets, " in sent.stdout

    def arrived():
        risen = box.risen(before)
        return sum(n for k, n in risen.items() if " " not in k) >= count
    wait_until(arrived, 5, lambda: f"{expected}; what rose: {box.risen(before)}")
    risen = box.risen(before)
    by_backend = {k: n for k, n in risen.items() if k.startswith("backend ")}
    assert {k: n for k, n in risen.items() if k not in by_backend} == expected
    assert sum(by_backend.values()) == expected.get("forwarded", 0)
