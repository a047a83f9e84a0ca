# SPDX-License-Identifier: GPL-2.0-only
"""tools/pktgen: what it would write to the kernel, to the letter; what it refuses, and why.

This kernel need not have pktgen: --dry-run writes nothing, and that the module is missing is an
error like any other.
"""

import importlib.machinery
import importlib.util
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from lablib import netns, paths
from lablib.nobody import run_as_nobody
from lablib.netns import Namespace

PKTGEN = os.path.join(paths.ROOT, "tools", "pktgen", "pktgen")
MAC = "02:00:00:00:00:01"
V4, V6 = "192.0.2.80", "2001:db8:80::80"

BOTH_FAMILIES = f"""\
kpktgend_0: rem_device_all
kpktgend_0: add_device eth1@0
eth1@0: count 0
eth1@0: flag NO_TIMESTAMP
eth1@0: flag QUEUE_MAP_CPU
eth1@0: clone_skb 4
eth1@0: pkt_size 128
eth1@0: burst 2
eth1@0: dst_mac {MAC}
eth1@0: dst_min {V4}
eth1@0: dst_max {V4}
eth1@0: udp_dst_min 53
eth1@0: udp_dst_max 53
eth1@0: src_min 198.18.0.1
eth1@0: src_max 198.18.0.1
eth1@0: udp_src_min 1024
eth1@0: udp_src_max 6024
kpktgend_1: rem_device_all
kpktgend_1: add_device eth1@1
eth1@1: count 0
eth1@1: flag NO_TIMESTAMP
eth1@1: flag QUEUE_MAP_CPU
eth1@1: flag UDPCSUM
eth1@1: clone_skb 4
eth1@1: pkt_size 128
eth1@1: burst 2
eth1@1: dst_mac {MAC}
eth1@1: dst6 {V6}
eth1@1: udp_dst_min 53
eth1@1: udp_dst_max 53
eth1@1: src6 2001:2::2
eth1@1: udp_src_min 1024
eth1@1: udp_src_max 6024
# rate 1001, 7 s
eth1@0: ratep 250
eth1@1: ratep 250
pgctrl: start
pgctrl: stop
# rate max, 7 s
eth1@0: delay 0
eth1@1: delay 0
pgctrl: start
pgctrl: stop
pgctrl: reset
"""


def pktgen(*argv, ns=None, **options):
    command = [PKTGEN, *argv]
    return subprocess.run(ns.command(command) if ns else command, capture_output=True, text=True,
                          timeout=30, check=False, **options)


def dry_run(*argv):
    done = pktgen("--device", "eth1", "--dst-mac", MAC, "--dry-run", *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(output, device):
    """{command: value} of a device; flags left out."""
    lines = re.findall(rf"^{device}: (\S+) (.*)$", output, re.M)
    return {k: v for k, v in lines if k != "flag"}


def load():
    loader = importlib.machinery.SourceFileLoader("pktgen_tool", PKTGEN)
    spec = importlib.util.spec_from_loader("pktgen_tool", loader)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def test_both_families_are_written_to_the_letter():
    assert dry_run("--dst", V4, "--dst", V6, "--port", "53", "--flows", "10000", "--size", "128",
                   "--clone", "4", "--burst", "2", "--rate", "1001,max",
                   "--seconds", "7") == BOTH_FAMILIES


def test_sizes_default_to_the_least_of_the_family():
    output = dry_run("--dst", V4, "--dst", V6)
    assert [values(output, f"eth1@{i}")["pkt_size"] for i in (0, 1)] == ["60", "78"]


def test_imix_is_written_as_weights_and_never_cloned():
    output = dry_run("--dst", V4, "--dst", V6, "--size", "imix")
    assert "eth1@0: clone_skb 0\neth1@0: imix_weights 60,7 566,4 1514,1\n" in output
    assert "eth1@1: clone_skb 0\neth1@1: imix_weights 78,7 566,4 1514,1\n" in output
    assert "pkt_size" not in output


def test_range_of_ports_ends_one_further_for_the_kernel():
    v = values(dry_run("--dst", V4, "--port", "1000-1999"), "eth1@0")
    assert (v["udp_dst_min"], v["udp_dst_max"]) == ("1000", "2000")


@pytest.mark.parametrize("flows, threads", [(1, 1), (7, 3), (64499, 1), (64500, 1), (10**6, 4)])
def test_flows_are_as_many_as_asked_and_no_two_threads_share_one(flows, threads):
    output = dry_run("--dst", V4, "--flows", str(flows), "--threads", str(threads))
    total, addresses = 0, []
    for index in range(threads):
        v = values(output, f"eth1@{index}")
        first, last = (int(v[k].split(".")[2]) * 256 + int(v[k].split(".")[3])
                       for k in ("src_min", "src_max"))
        n_addresses = last - first + 1
        n_ports = max(int(v["udp_src_max"]) - int(v["udp_src_min"]), 1)
        assert int(v["udp_src_max"]) <= 65536 and int(v["udp_src_min"]) >= 1024
        # Both go up together, so their pairs repeat after the least common multiple.
        total += math.lcm(n_addresses, n_ports)
        addresses += range(first, last + 1)
    assert len(addresses) == len(set(addresses))
    assert flows <= total < flows + threads * 64499
    assert flows > 64499 * threads or total == flows


def test_rate_of_a_step_is_dealt_out_to_the_threads():
    output = dry_run("--dst", V4, "--threads", "3", "--flows", "3", "--rate", "10")
    assert [values(output, f"eth1@{i}")["ratep"] for i in range(3)] == ["4", "3", "3"]


@pytest.mark.parametrize("argv, words", [
    ([], "--device DEV is missing"),
    (["--device", "eth1"], "--dst ADDR is missing"),
    (["--device", "eth 1", "--dst", V4], "'eth 1'"),
    (["--device", "eth1", "--dst", "192.0.2.300"], "192.0.2.300"),
    (["--device", "eth1", "--dst", "224.0.0.1"], "224.0.0.1"),
    (["--device", "eth1", "--dst", V4, "--dst-mac", "02:00"], "02:00"),
    (["--device", "eth1", "--dst", V4, "--dst-mac", "01:00:5e:00:00:01"], "multicast"),
    (["--device", "eth1", "--dst", V4, "--port", "70000"], "70000"),
    (["--device", "eth1", "--dst", V4, "--port", "9-65535"], "65534"),
    (["--device", "eth1", "--dst", V4, "--rate", "10,fast"], "fast"),
    (["--device", "eth1", "--dst", V4, "--rate", "3", "--threads", "4", "--flows", "4"],
     "--rate 3"),
    (["--device", "eth1", "--dst", V4, "--size", "20"], "'20'"),
    (["--device", "eth1", "--dst", V6, "--size", "64"], "78"),
    (["--device", "eth1", "--dst", V4, "--size", "imix", "--clone", "2"], "--clone"),
    (["--device", "eth1", "--dst", V4, "--dst", V6, "--threads", "1"], "--threads 1"),
    (["--device", "eth1", "--dst", V4, "--flows", "3", "--threads", "4"], "--flows 3"),
    (["--device", "eth1", "--dst", V4, "--src", "10.0.0.1/8"], "10.0.0.1/8"),
    (["--device", "eth1", "--dst", V4, "--src", "10.0.0.0/31", "--threads", "4"], "too small"),
    (["--device", "eth1", "--dst", V4, "--src", "10.0.0.0/8", "--src", "11.0.0.0/8"], "--src"),
    (["--device", "eth1", "--dst", V6, "--flows", "70000"], "64499"),
])
def test_wrong_call_is_refused_with_a_reason(argv, words):
    mac = [] if "--dst-mac" in argv else ["--dst-mac", MAC]
    done = pktgen(*argv, *mac, "--dry-run")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_help_and_scenarios_show_how_to_call_it():
    shown = pktgen("--help").stdout
    assert "--dst-mac" in shown and "examples:" in shown
    scenarios = pktgen("--list-scenarios").stdout
    assert "many-flows" in scenarios and "SYN floods" in scenarios
    # Every one of them is a call that works.
    options = [line.split() for line in scenarios.split("\n") if line.startswith(" " * 12 + "--")]
    assert len(options) >= 5
    for words in options:
        assert dry_run("--dst", V4, *words).endswith("pgctrl: reset\n")


def test_without_root_it_says_that_root_is_needed():
    done = run_as_nobody(PKTGEN, "--device", "lo", "--dst", V4, "--dst-mac", MAC)
    assert done.returncode == 2 and "root" in done.stderr


def test_result_of_the_kernel_is_read_in_its_own_words(tmp_path, monkeypatch):
    """The text is what pktgen of Linux 6.1 wrote; see net/core/pktgen.c, show_results()."""
    tool = load()
    monkeypatch.setattr(tool, "PROC", str(tmp_path))
    (tmp_path / "eth1@0").write_text(
        "Params: count 0  min_pkt_size: 60  max_pkt_size: 60\n"
        "Current:\n     pkts-sofar: 20000  errors: 3\n"
        "Result: OK: 2000123(c1999998+d125) usec, 20000 (60byte,0frags)\n"
        "  9999pps 4Mb/sec (4799520bps) errors: 3\n")
    result = tool.read_result(tool.Sender("kpktgend_0", "eth1@0", []))
    assert (result["sent"], result["errors"], result["pps"]) == (20000, 3, 9999)
    assert result["mbps"] == pytest.approx(4.79952)
    (tmp_path / "eth1@0").write_text("Result: OK: rate=1000\n")
    assert tool.read_result(tool.Sender("kpktgend_0", "eth1@0", [])) is None


@pytest.fixture(scope="module")
def ns():
    """A veth pair, up: gen0 has an address, a neighbour, and the default route."""
    space = Namespace(f"sluice-{os.getpid()}-pg")
    space.create()
    try:
        space.ip("link add gen0 type veth peer name gen1", "link set gen0 up", "link set gen1 up",
                 "addr add 10.0.0.1/24 dev gen0", "route add 192.0.2.0/24 via 10.0.0.2",
                 "neigh add 10.0.0.2 lladdr 02:00:00:00:00:77 dev gen0")
        yield space
    finally:
        space.delete()


def test_mac_is_taken_from_the_way_to_the_address(ns):
    done = pktgen("--device", "gen0", "--dst", V4, "--dry-run", ns=ns)
    assert done.returncode == 0, done.stderr
    assert "gen0@0: dst_mac 02:00:00:00:00:77\n" in done.stdout


def test_unknown_neighbour_is_an_error_that_names_it(ns):
    done = pktgen("--device", "gen0", "--dst", "10.0.0.9", "--dry-run", ns=ns)
    assert done.returncode == 2 and "10.0.0.9" in done.stderr and "--dst-mac" in done.stderr


def test_device_that_is_missing_or_no_ethernet_is_refused(ns):
    for device, words in (("nope", "no device 'nope'"), ("lo", "no Ethernet device")):
        done = pktgen("--device", device, "--dst", V4, "--dst-mac", MAC, ns=ns)
        assert done.returncode == 2 and words in done.stderr


def test_device_of_the_default_route_needs_a_yes(ns):
    ns.ip("route add default via 10.0.0.2")
    try:
        done = pktgen("--device", "gen0", "--dst", V4, ns=ns)
        assert done.returncode == 2 and "default route" in done.stderr
        assert "default route" not in pktgen("--device", "gen0", "--dst", V4, "--yes", "--dry-run",
                                             ns=ns).stderr
    finally:
        netns.check_call(["ip", "-n", ns.name, "route", "del", "default"])


def test_kernel_without_pktgen_is_told_what_it_lacks(ns):
    done = pktgen("--device", "gen0", "--dst", V4, "--rate", "1000", "--seconds", "1", ns=ns)
    if os.path.isdir("/proc/net/pktgen"):  # there, or loaded just now: then it must work
        assert done.returncode == 0, done.stderr
        assert re.search(r"^ +1000  all +[1-9]", done.stdout, re.M)
        return
    assert done.returncode == 2
    assert "CONFIG_NET_PKTGEN" in done.stderr and os.uname().release in done.stderr


def test_signal_in_the_midst_of_a_step_stops_the_kernel(monkeypatch):
    """The kernel's part is played here: "start" comes back when "stop" is written."""
    tool = load()
    stopped, written = threading.Event(), []

    def write(name, line):
        written.append((name, line))
        if line == "stop":
            stopped.set()
        if line == "start":
            assert stopped.wait(20)
    monkeypatch.setattr(tool, "write", write)
    monkeypatch.setattr(tool, "wait_results", lambda senders: ["a result"])
    args = tool.parser().parse_args(["--seconds", "15"])
    args.threads = 1
    before = signal.signal(signal.SIGALRM, tool.on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        started = time.monotonic()
        results, cut = tool.run_step(args, [tool.Sender("kpktgend_0", "eth1@0", [])], 10)
        assert time.monotonic() - started < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (results, cut) == (["a result"], "interrupted")
    assert written == [("eth1@0", "ratep 10"), ("pgctrl", "start"), ("pgctrl", "stop")]
