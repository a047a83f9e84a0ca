# SPDX-License-Identifier: GPL-2.0-only
"""lb-bench control measures what it says, on a small configuration. Times are not looked at."""

import json
import subprocess

import pytest

from lablib import paths
from lablib.nobody import run_as_nobody

ROWS = {
    "check", "plan-first", "plan-one-weight", "table", "table-weighted", "first-apply",
    "first-apply-took", "first-apply-usable", "first-apply-settled", "first-apply-cpu", "weight",
    "drain", "undrain", "reload-one-weight", "reload-one-weight-apply", "reload-one-weight-trip",
    "reload-one-weight-cpu", "reload-same", "adopt", "adopt-took", "adopt-cpu", "memory",
    "memory-own", "memory-mapped", "memory-peak", "map-memory", "small-first-apply",
    "small-memory-peak", "small-map-memory",
}


def bench(*argv, **options):
    return subprocess.run([paths.binary("lb-bench"), *argv], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def small(*argv, **options):
    return bench("control", "--vips", "10", "--backends", "50", "--rounds", "1", "--agent",
                 paths.binary("lb-agent"), *argv, **options)


@pytest.fixture(scope="module")
def result():
    done = small("--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_row_is_measured(result):
    rows = {r["name"]: r for r in result["rows"]}
    assert set(rows) == ROWS
    for row in rows.values():
        assert row["samples"] >= 1, row
        assert 0 <= row["min"] <= row["median"] <= row["max"], row
        assert row["met"] is (None if row["target"] is None
                              else row["median"] <= row["target"]), row


def test_the_result_says_what_was_measured(result):
    assert result["bench"] == "control"
    assert result["settings"] == {"vips": 10, "pools": 10, "backends": 50, "rounds": 1}
    assert result["host"]["cpus"] >= 1


def test_results_go_to_a_file_and_the_table_to_the_terminal(tmp_path):
    path = tmp_path / "result.json"
    done = small("--json", str(path))
    assert done.returncode == 0, done.stderr
    assert {r["name"] for r in json.loads(path.read_text())["rows"]} == ROWS
    lines = done.stdout.splitlines()
    assert all(any(line.startswith(row + " ") for line in lines) for row in ROWS)
    assert max(map(len, lines)) <= 100


# In namespaces of the test's own, so that nobody else changes what is compared; their mounts are
# shared, so that a mount of lb-bench's that is not private shows.
LEAVES_NOTHING = """
mount --make-rprivate / && mount --make-rshared / && mount -t tmpfs none /run
look() { cat /proc/self/mountinfo; ip -br link; ls -A /run; }
before=$(look)
"$@" >&2
[ "$before" = "$(look)" ] || { echo "was: $before"; echo "is: $(look)"; exit 1; }
"""


def test_nothing_is_left_behind():
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-ec", LEAVES_NOTHING, "sh",
         paths.binary("lb-bench"), "control", "--vips", "10", "--backends", "50", "--rounds", "1",
         "--agent", paths.binary("lb-agent")],
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_agent_that_cannot_start_is_an_error_with_its_own_words(tmp_path):
    agent = tmp_path / "lb-agent"
    agent.write_text("#!/bin/sh\necho the dog ate it >&2\nexit 1\n")
    agent.chmod(0o755)
    done = bench("control", "--vips", "2", "--backends", "2", "--rounds", "1", "--agent",
                 str(agent))
    assert done.returncode == 1
    assert "the dog ate it" in done.stderr


@pytest.mark.parametrize("argv, word", [
    (["nonsense"], "nonsense"),
    (["control", "--vips", "0"], "--vips"),
    (["control", "--vips", "x"], "--vips"),
    (["control", "--vips", "3", "--pools", "4"], "pools"),
    (["control", "stray"], "stray"),
])
def test_a_wrong_call_is_refused_with_a_reason(argv, word):
    done = bench(*argv)
    assert done.returncode == 2
    assert word in done.stderr


def test_without_root_it_says_that_root_is_needed():
    done = run_as_nobody(paths.binary("lb-bench"), "control")
    assert done.returncode == 1
    assert "root" in done.stderr
