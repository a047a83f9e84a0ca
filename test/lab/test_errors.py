# SPDX-License-Identifier: GPL-2.0-only
"""What an operator gets wrong: each gets a clear line and an exit code, and breaks nothing."""

import os
import subprocess

import pytest

from lablib import bpf, config, paths
from lablib.agent import Agent, CtlError
from lablib.lab import Lab
from lablib.wait import wait_until

CASES = {"l2-v4": config.CASES["l2-v4"]}
BASE = config.matrix(cases=CASES)
NOBODY = 65534


@pytest.fixture
def lab(lab_guard):
    with Lab(config.addresses(BASE), arms=2, backends=1) as lab:
        lab_guard(lab)
        yield lab


def doc(**changes):
    result = config.matrix(cases=CASES)
    result["pools"]["web4"]["backends"] = result["pools"]["web4"]["backends"][:1]
    result["node"].update(changes)
    return result


def fails(agent, timeout=10):
    """Starts the agent, which must end by itself; its log."""
    process = agent.start_only()
    code = process.wait(timeout)
    assert code > 0, f"exit code {code}:\n{process.log()}"
    return process.log()


def as_nobody(argv):
    """Runs a program as an unprivileged user that could read it."""
    return subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                           "--inh-caps=-all", *argv], capture_output=True, text=True, timeout=20,
                          check=False)


def test_missing_config_is_named(lab):
    agent = Agent(lab)
    assert agent.config in fails(agent)


@pytest.mark.parametrize("text", ["", "version: 1\n", "version: 1\nnode: [\n", "\x00\x01", "- 1"],
                         ids=["empty", "nothing-in-it", "syntax", "binary", "list"])
def test_bad_config_at_the_start_is_refused_with_a_place(lab, text):
    agent = Agent(lab, text)
    log = fails(agent)
    assert agent.config in log
    assert "error:" in log
    assert "xdp" not in lab.box.run("ip", "link", "show", "lb0").stdout


def test_interface_that_is_not_there_is_named_and_nothing_is_left_attached(lab):
    agent = Agent(lab, doc(interfaces=["lb0", "later0"]))
    assert "later0" in fails(agent)
    assert "xdp" not in lab.box.run("ip", "link", "show", "lb0").stdout


def test_interface_that_vanishes_is_waited_for(lab):
    def plug():
        lab.box.ip("link add later0 type veth peer name later1", "link set later0 up",
                   "link set later1 up")

    def later0():
        return {i["name"]: i for i in agent.status()["interfaces"]}["later0"]

    plug()
    agent = Agent(lab, doc(interfaces=["lb0", "later0"])).start()
    assert later0()["attached"] is True
    lab.box.ip("link del later0")
    wait_until(lambda: not later0()["present"], 5, "the interface's absence in status")
    assert later0()["attached"] is False and "later0" in later0()["error"]
    assert "later0" in agent.log()
    plug()
    wait_until(lambda: later0()["attached"], 5, "the interface's attachment")


def test_foreign_xdp_program_is_left_alone_and_named(lab):
    foreign = os.path.join(lab.bpffs, "foreign")
    bpf.pin_xdp(foreign, name="foreign_prog")
    lab.box.run("bpftool", "net", "attach", "xdpdrv", "pinned", foreign, "dev", "lb0")
    before = lab.box.run("ip", "-d", "link", "show", "lb0").stdout
    log = fails(Agent(lab, doc()))
    assert any("lb0" in line and "XDP program" in line for line in log.split("\n"))
    assert lab.box.run("ip", "-d", "link", "show", "lb0").stdout == before


def test_second_agent_is_refused_and_the_first_works_on(lab):
    first = Agent(lab, doc()).start()
    second = Agent(lab, doc(), name="second")
    second.socket = first.socket
    assert first.socket in fails(second) or first.pins in second.log()
    third = Agent(lab, doc(), name="third")  # another socket, but the same data plane
    assert third.pins in fails(third) or "another agent" in third.log()
    assert first.status()["interfaces"][0]["attached"] is True
    assert first.reload(doc())["n_changes"] == 0


def test_stale_socket_is_replaced(lab):
    agent = Agent(lab, doc()).start()
    agent.kill9()
    assert os.path.exists(agent.socket)
    agent.start()
    assert agent.status()["pid"] == agent.process.pid


def test_bpffs_that_is_none_is_named(lab):
    agent = Agent(lab, doc())
    agent.pins = os.path.join(lab.dir, "not-a-bpffs")
    assert "not-a-bpffs" in fails(agent)


def test_agent_without_root_says_so(lab, tmp_path):
    agent = Agent(lab, doc())
    lab_dirs_readable(lab)
    result = as_nobody(agent.argv())
    assert result.returncode > 0
    assert "root" in result.stderr or "CAP_" in result.stderr or "ermi" in result.stderr
    assert len(result.stderr.strip().split("\n")) <= 6


def lab_dirs_readable(lab):
    os.chmod(lab.dir, 0o755)


def test_lbctl_without_permission_says_so(lab):
    agent = Agent(lab, doc()).start()
    lab_dirs_readable(lab)
    result = as_nobody([paths.binary("lbctl"), "--socket", agent.socket, "status"])
    assert result.returncode == 3
    assert "ermission" in result.stderr and agent.socket in result.stderr


def test_unknown_option_is_a_usage_error(lab):
    result = lab.box.run(paths.binary("lb-agent"), "--no-such-option", check=False)
    assert result.returncode == 2
    assert "no-such-option" in result.stderr


@pytest.mark.parametrize("key, text", [
    ("filters", "filters: {deny: [198.51.100.0/24]}\n"),
    ("l7", None),
])
def test_feature_of_a_later_version_is_refused_and_not_ignored(lab, key, text):
    broken = config.dump(doc())
    broken = broken + text if text else broken.replace("forward: l2", f"forward: {key}")
    log = fails(Agent(lab, broken))
    assert "not supported yet" in log

def test_first_start_that_fails_leaves_no_neighbour_entry(lab):
    fails(Agent(lab, doc(interfaces=["lb0", "later0"])))
    shown = lab.box.run("ip", "-d", "neigh", "show").stdout
    assert "managed" not in shown and "proto" not in shown


def test_group_that_does_not_exist_is_named(lab):
    agent = Agent(lab, doc())
    argv = agent.argv
    agent.argv = lambda *more: argv("--group", "no-such-group", *more)
    assert "no-such-group" in fails(agent)


def test_socket_path_that_is_too_long_is_named(lab):
    agent = Agent(lab, doc())
    agent.socket = os.path.join(lab.dir, "s" * 120)
    log = fails(agent)
    assert agent.socket in log and "too long" in log


def test_paths_with_spaces_are_taken_as_they_are(lab):
    agent = Agent(lab, doc(), name="an agent with spaces")
    agent.start()
    assert agent.status()["config_file"] == agent.config
    assert agent.reload(doc())["n_changes"] == 0


def test_full_state_directory_refuses_an_override_with_the_reason(lab):
    agent = Agent(lab, doc())
    lab.box.run("mount", "-t", "tmpfs", "-o", "size=16k", "none", agent.state_dir)
    try:
        agent.start()
        with open(os.path.join(agent.state_dir, "filler"), "wb", buffering=0) as f:
            with pytest.raises(OSError):
                while True:
                    f.write(b"x" * 4096)
        with pytest.raises(CtlError) as e:
            agent.lbctl("drain", "web4", "10.77.1.11")
        assert "No space left on device" in e.value.result.stderr
        assert agent.backend("web4", "10.77.1.11")["state"] == "active"
        os.unlink(os.path.join(agent.state_dir, "filler"))
        agent.lbctl("drain", "web4", "10.77.1.11")
        assert agent.backend("web4", "10.77.1.11")["state"] == "drain"
    finally:
        agent.stop()
        lab.box.run("umount", agent.state_dir)


def test_damaged_overrides_are_named_and_left_alone(lab):
    agent = Agent(lab, doc())
    path = os.path.join(agent.state_dir, "overrides.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"version": 1, "overrides": [{"pool": "web4", "address": "nonsense"}]}')
    assert path in fails(agent)
    with open(path, encoding="utf-8") as f:
        assert "nonsense" in f.read()


def test_pin_of_another_kind_is_refused_and_left_alone(lab):
    agent = Agent(lab, doc()).start(wait_usable=False)
    agent.stop()
    programs = os.path.join(agent.pins, "lb_programs")
    os.rename(programs, programs + "_kept")
    os.rename(os.path.join(agent.pins, "lb_slots"), programs)
    assert "not a program array" in fails(agent)
    os.rename(programs, os.path.join(agent.pins, "lb_slots"))
    os.rename(programs + "_kept", programs)
    agent.start(wait_usable=False)
    assert agent.status()["adopted"] is True
