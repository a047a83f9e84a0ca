# SPDX-License-Identifier: GPL-2.0-only
"""lbctl against a real agent: tables for people, JSON for programs, exit codes."""

import json
import os
import stat
import subprocess

import pytest

from lablib import config, paths
from lablib.client import assert_shares

CASES = {name: config.CASES[name] for name in ("l2-v4", "6in6")}
BASE = config.matrix(cases=CASES)
POOL, BACKEND = "web4", "10.77.1.12"
VIP = CASES["l2-v4"][0]


@pytest.fixture(scope="module")
def shared_site(make_site):
    return make_site(BASE)


@pytest.fixture
def agent(shared_site):
    agent = shared_site.agent
    for b in agent.ctl("backends"):
        if b["override"]:
            agent.lbctl("undrain", b["pool"], b["address"])
    agent.reload(BASE)
    agent.wait_usable()
    return agent


@pytest.fixture
def site(shared_site, agent):
    return shared_site


READERS = (["status"], ["vips"], ["backends"], ["backends", POOL], ["counters"],
           ["counters", "--all"])


@pytest.mark.parametrize("argv", READERS, ids=" ".join)
def test_table_fits_100_columns(agent, argv):
    text = agent.lbctl(*argv).stdout
    assert text.strip()
    assert max(len(line) for line in text.split("\n")) <= 100


@pytest.mark.parametrize("argv", READERS[:5], ids=" ".join)
def test_json_is_one_document(agent, argv):
    assert json.loads(agent.lbctl("--json", *argv).stdout)


def test_status_tells_what_runs(agent):
    status = agent.status()
    assert status["pid"] == agent.process.pid
    assert os.path.realpath(status["config_file"]) == os.path.realpath(agent.config)
    assert (status["vips"], status["pools"], status["backends"]) == (2, 2, 6)
    assert status["backends_usable"] == 6
    assert status["map_memory_bytes"] > 0
    assert [i["name"] for i in status["interfaces"]] == ["lb0"]
    assert status["interfaces"][0]["attached"] is True
    assert status["interfaces"][0]["mode"] == "native"


def test_vips_tells_each_vip_with_its_traffic(site, agent):
    site.client.get_many(VIP, 20).assert_clean()
    vip = agent.vip("l2-v4")
    assert (vip["address"], vip["port"], vip["protocol"]) == (VIP, 80, "tcp")
    assert (vip["forward"], vip["pool"], vip["backends"]) == ("l2", POOL, 3)
    assert vip["packets"] > 0 and vip["bytes"] > vip["packets"] * 54


def test_backends_of_one_pool_only(agent):
    assert {b["pool"] for b in agent.ctl("backends", POOL)} == {POOL}


def test_shares_add_up_to_one(agent):
    for pool in ("web4", "web6"):
        shares = [b["share"] for b in agent.backends(pool).values()]
        assert abs(sum(shares) - 1) < 1e-6
        assert all(abs(s - 1 / 3) < 0.01 for s in shares)


def test_drain_and_undrain_move_new_connections(site, agent):
    agent.lbctl("drain", POOL, BACKEND)
    b = agent.backend(POOL, BACKEND)
    assert (b["state"], b["configured_state"], b["override"]) == ("drain", "active", True)
    assert b["usable"] is False and b["why"] == "draining" and b["share"] == 0
    assert agent.status()["overrides"] == 1
    tally = site.client.get_many(VIP, 300)
    tally.assert_clean()
    assert_shares(tally.counts, {"be1": 1, "be2": 0, "be3": 1})
    agent.lbctl("undrain", POOL, BACKEND)
    b = agent.backend(POOL, BACKEND)
    assert (b["state"], b["override"], b["usable"]) == ("active", False, True)
    assert set(site.client.get_many(VIP, 100).counts) == {"be1", "be2", "be3"}


def test_weight_changes_the_share(site, agent):
    agent.lbctl("weight", POOL, BACKEND, "400")
    b = agent.backend(POOL, BACKEND)
    assert (b["weight"], b["configured_weight"], b["override"]) == (400, 100, True)
    tally = site.client.get_many(VIP, 600)
    tally.assert_clean()
    assert_shares(tally.counts, {"be1": 100, "be2": 400, "be3": 100})


def test_override_is_marked_in_the_table(agent):
    agent.lbctl("weight", POOL, BACKEND, "400")
    line = next(x for x in agent.lbctl("backends", POOL).stdout.split("\n") if BACKEND in x)
    assert "400" in line and "*" in line


def test_override_survives_a_reload(agent):
    agent.lbctl("drain", POOL, BACKEND)
    agent.reload(BASE)
    assert agent.backend(POOL, BACKEND)["state"] == "drain"


@pytest.mark.parametrize("argv, said", [
    (["drain", "nowhere", BACKEND], "nowhere"),
    (["drain", POOL, "10.77.1.99"], "10.77.1.99"),
    (["weight", POOL, BACKEND, "70000"], "70000"),
    (["weight", POOL, BACKEND, "heavy"], "heavy"),
    (["drain", POOL, "not-an-address"], "not-an-address"),
    (["backends", "nowhere"], "nowhere"),
])
def test_what_is_not_there_is_named_in_one_line(agent, argv, said):
    result = agent.lbctl(*argv, check=False)
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert len(result.stderr.strip().split("\n")) <= 2


def test_counters_count_what_is_forwarded(site, agent):
    before = agent.counters()["forwarded"]
    site.client.get_many(VIP, 10).assert_clean()
    assert agent.counters()["forwarded"] - before >= 40


def test_check_needs_no_agent_and_points_at_the_error(agent):
    text = config.dump(BASE).replace("forward:", "foward:", 1)
    result = subprocess.run([paths.binary("lbctl"), "check", "-"], input=text, text=True,
                            capture_output=True, check=False)
    assert result.returncode == 1
    assert "error:" in result.stderr and "'forward'" in result.stderr
    good = subprocess.run([paths.binary("lbctl"), "check", agent.config], text=True,
                          capture_output=True, check=False)
    assert good.returncode == 0


def test_without_an_agent_it_says_so(agent):
    result = subprocess.run([paths.binary("lbctl"), "--socket", agent.socket + ".none", "status"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert agent.socket + ".none" in result.stderr


def test_socket_is_for_root_and_its_group_only(agent):
    mode = os.stat(agent.socket).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_ten_lbctl_at_once_are_all_answered(agent):
    argv = [paths.binary("lbctl"), "--socket", agent.socket, "--json", "status"]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(10)]
    for process in running:
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 0 and json.loads(out)["pid"] == agent.process.pid
