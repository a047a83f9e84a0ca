# SPDX-License-Identifier: GPL-2.0-only
"""Each scenario of tools/trafgen is sent by trafgen, and the box counts what the scenario says.

The frames leave the router's port towards the box (two arms), where nothing else sends: so every
counter is looked at, and one packet too many or too few is seen.
"""

import collections
import os
import re
import struct
import subprocess
import time

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


# What is refused when the VIP is known is counted for it, too.
OF_A_VIP = ("ip-mapped", "tcp-header-length", "udp-length")


def dropped_for_a_vip(scenario):
    """Packets of a round that are refused for what lies behind their ports, or for their source."""
    return sum(reason in OF_A_VIP or "with 19 bytes of TCP" in text
               for reason, text in packets(scenario))


def expectation(scenario, rounds=ROUNDS):
    """{counter: packets}, without those of single backends and what VIPs dropped."""
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
    dropped = {k: n for k, n in risen.items() if k.startswith("dropped by ")}
    assert {k: n for k, n in risen.items() if k not in by_backend | dropped} == expected
    assert sum(by_backend.values()) == expected.get("forwarded", 0)
    assert sum(dropped.values()) == ROUNDS * dropped_for_a_vip(scenario)


# What the counters do not see: is a packet what it says it is?

def read_pcap(path):
    """Frames of a classic pcap file, as trafgen writes it."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def ones_sum(data):
    """RFC 1071; 0xffff where a checksum that is part of the data is right."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) & ~1]))
    total += data[-1] << 8 if len(data) & 1 else 0
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def network_header(frame):
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return frame[at:at + 2], at + 2


def upper_layer(packet):
    """(protocol, offset) behind an IPv6 packet's extension headers."""
    proto, at = packet[6], 40
    while proto in (0, 43, 44, 51, 60):
        length = 8 if proto == 44 else (packet[at + 1] + 2) * 4 if proto == 51 \
            else (packet[at + 1] + 1) * 8
        proto, at = packet[at], at + length
    return proto, at


def assert_checksums_right(frame):
    kind, at = network_header(frame)
    packet = frame[at:]
    if kind == b"\x08\x00":
        assert ones_sum(packet[:20]) == 0xffff, "IPv4 header"
        packet = packet[:int.from_bytes(packet[2:4], "big")]
        proto, upper, addresses = packet[9], packet[20:], packet[12:20]
    else:
        packet = packet[:40 + int.from_bytes(packet[4:6], "big")]
        proto, offset = upper_layer(packet)
        upper, addresses = packet[offset:], packet[8:40]
    pseudo = b"" if proto == 1 else addresses + struct.pack(">II", len(upper), proto)
    assert ones_sum(pseudo + upper) == 0xffff, f"protocol {proto}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_checksums_of_well_formed_packets_are_right(scenario, tmp_path):
    found = packets(scenario)
    pcap = tmp_path / "out.pcap"
    done = subprocess.run(["trafgen", "--cpp", "--conf", f"{scenario}.cfg", "--out", str(pcap),
                           "--cpus", "1", "--num", str(2 * len(found)), "--notouch-irq"],
                          cwd=DIRECTORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    frames = read_pcap(pcap)
    assert len(frames) == 2 * len(found)
    for (reason, text), frame in zip(found * 2, frames):
        if reason in ("forwarded", "icmp"):
            try:
                assert_checksums_right(frame)
            except AssertionError as e:
                raise AssertionError(f"{text}: {e}: {frame.hex()}") from e


@pytest.mark.parametrize("scenario, vip, counter", [
    ("fragments-v4", VIP4 + "/32", "IpReasmOKs"), ("fragments-v6", VIP6 + "/128", "Ip6ReasmOKs")])
def test_sets_of_fragments_join(box, scenario, vip, counter):
    """With the VIP an address of the box, its kernel puts them together."""
    def joined():
        words = box.lab.box.run("nstat", "-asz", counter).stdout.split()
        return int(words[words.index(counter) + 1])
    box.lab.box.ip(f"addr add {vip} dev lo")
    try:
        before = joined()
        box.send_scenario(scenario, "--count", str(ROUNDS * len(packets(scenario))))
        wait_until(lambda: joined() - before == ROUNDS, 5,
                   lambda: f"{ROUNDS} datagrams; {joined() - before} were put together")
    finally:
        box.lab.box.ip(f"addr del {vip} dev lo")


def test_every_drop_and_pass_by_parsing_is_in_a_scenario():
    """A reason that is new in reasons.def is either sent here or listed with why it is not."""
    with open(os.path.join(paths.ROOT, "xdp", "include", "lb", "reasons.def"),
              encoding="utf-8") as f:
        reasons = set(re.findall(r'^LB_REASON\(\w+, "([a-z0-9-]+)"', f.read(), re.M))
    sent = {reason for s in SCENARIOS for reason, _ in packets(s)}
    of_the_box = {"no-backend", "backend-not-ready", "too-big", "no-headroom", "table-fault"}
    elsewhere = {"rate-limited", "not-ip", "not-a-vip"}  # any other traffic of the box
    assert sent <= reasons
    assert reasons - sent - of_the_box - elsewhere == set()


# send

def test_unknown_scenario_is_refused_with_the_list(box):
    done = box.send("syn-food", "--dev", "wan", "--count", "1", check=False)
    assert done.returncode == 2
    assert "'syn-food'" in done.stderr and all(s in done.stderr for s in SCENARIOS)


def test_list_says_what_each_scenario_sends():
    lines = subprocess.run([SEND, "--list"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in lines.splitlines()] == SCENARIOS
    assert max(map(len, lines.splitlines())) <= 110


@pytest.mark.parametrize("argv, words", [
    (["syn-flood"], "--dev"),
    (["syn-flood", "--dev", "nope", "--count", "1"], "no device 'nope'"),
    (["syn-flood", "--dev", "lo"], "--count N or --seconds S"),
    (["syn-flood", "--dev", "lo", "--count", "1", "--vip", VIP4], "give --vip an IPv6 address"),
    (["fragments-v4", "--dev", "lo", "--count", "1", "--vip", VIP6], "give --vip an IPv4 address"),
    (["fragments-v6", "--dev", "lo", "--count", "1", "--family", "4"], "sends no IPv4"),
    (["syn-flood", "--dev", "lo", "--count", "1", "--vip", VIP4, "--vip", "10.0.0.1"], "--vip"),
    (["syn-flood", "--dev", "lo", "--vip", "192.0.2.300"], "192.0.2.300"),
    (["syn-flood", "--dev", "lo", "--dst-mac", "02:00"], "02:00"),
    (["syn-flood", "--dev", "lo", "--rate", "fast"], "fast"),
    (["syn-flood", "--dev", "lo", "--count", "0"], "--count"),
])
def test_wrong_call_is_refused_with_a_reason(argv, words):
    done = subprocess.run([SEND, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_missing_preprocessor_is_an_error(box):
    """trafgen alone would send nothing and call that a success."""
    done = box.lab.router.run("env", "PATH=/usr/sbin", SEND, "udp-flood", "--dev", "wan",
                              "--dst-mac", box.mac, "--vip", VIP4, "--family", "4", "--count", "1",
                              check=False)
    assert done.returncode == 2
    assert "apt-get install cpp" in done.stderr


def test_mac_is_taken_from_the_way_to_the_vip(box):
    box.lab.router.ip(f"neigh replace 10.77.2.2 lladdr {box.mac} dev wan")
    done = box.send("udp-flood", "--dev", "wan", "--vip", VIP4, "--family", "4", "--count", "1",
                    "--dry-run")
    bytes_ = ",".join(f"0x{b}" for b in box.mac.split(":"))
    assert f"DST_MAC={bytes_} " in done.stdout


def test_one_family_is_sent_where_only_one_is_asked_for(box):
    before = box.snapshot()
    box.send_scenario("udp-flood", "--family", "6", "--count", "20", vips=[VIP6])
    wait_until(lambda: box.risen(before).get("forwarded") == 20, 5,
               lambda: f"20 forwarded; what rose: {box.risen(before)}")
    assert box.risen(before)["vip udp6"] == 20


def test_ports_of_another_service_are_no_vip(box):
    before = box.snapshot()
    box.send_scenario("syn-flood", "--tcp-port", "8081", "--count", "20")
    wait_until(lambda: box.risen(before) == {"not-a-vip": 20}, 5,
               lambda: f"20 not-a-vip; what rose: {box.risen(before)}")


def test_time_and_rate_bound_a_run(box):
    before = box.snapshot()
    started = time.monotonic()
    done = box.send_scenario("syn-random-sources", "--rate", "200", "--seconds", "2")
    assert 2 <= time.monotonic() - started < 6
    n = int(re.search(r"(\d+) packets", done.stdout)[1])
    assert 100 <= n <= 400
    wait_until(lambda: box.risen(before).get("forwarded") == n, 5,
               lambda: f"{n} forwarded; what rose: {box.risen(before)}")


def test_random_sources_use_all_backends(box):
    before = box.snapshot()
    box.send_scenario("syn-random-sources", "--count", "600")
    wait_until(lambda: box.risen(before).get("forwarded") == 600, 5,
               lambda: f"600 forwarded; what rose: {box.risen(before)}")
    risen = box.risen(before)
    for address in config.V4 + config.V6:
        assert risen["backend " + address] > 50


def test_machine_settings_are_left_alone(box):
    def settings():
        return box.lab.router.run("sysctl", "net.core.wmem_max", "net.core.wmem_default",
                                  "net.core.rmem_max", "net.core.rmem_default").stdout
    before = settings()
    box.send_scenario("udp-flood", "--count", "100")
    assert settings() == before
