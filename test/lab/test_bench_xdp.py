# SPDX-License-Identifier: GPL-2.0-only
"""lb-bench xdp and compare as a user runs them. Times are not looked at."""

import json
import subprocess

import pytest

from lablib import paths
from lablib.nobody import run_as_nobody

FLOWS = ("", "-1m-flows", "-1m-random")
V4_ROWS = {
    f"v4-{path}{flows}"
    for path in ("tcp-ipip-clean", "tcp-l2-clean", "udp-ipip-clean", "udp-l2-clean",
                 "not-a-vip", "udp-not-a-vip")
    for flows in FLOWS
} | {
    "v4-tcp-syn-ipip-clean", "v4-tcp-syn-l2-clean",
    "v4-tcp-ipip6-clean", "v4-tcp-ipip-clean-redirect", "v4-tcp-ipip-clean-source",
    "v4-tcp-ipip-clean-direct", "v4-not-a-vip-direct",
} | {
    f"v4-tcp-{mode}-clean-{shape}"
    for mode in ("ipip", "l2")
    for shape in ("tags-1-0", "tags-1-1", "tags-2-0", "tags-2-1", "tags-0-1", "options", "large")
} | {
    "v4-not-ip", "v4-icmp", "v4-fragment",
} | {
    f"v4-malformed-{reason}"
    for reason in ("ip-truncated", "ip-version", "ip-header-length", "l4-truncated",
                   "tcp-header-length", "udp-length")
} | {
    f"v4-{path}{flows}"
    for path in ("tcp-ipip-clean-1k-backends", "tcp-ipip-clean-1k-vips",
                 "tcp-ipip-clean-1k-vips-1k-backends", "tcp-ipip-clean-10k-vips",
                 "tcp-ipip-clean-10k-vips-100k-backends", "not-a-vip-10k-vips-100k-backends")
    for flows in FLOWS
}

COUNTS = {"instructions", "lookups", "helper_calls", "config_lines", "counter_lines"}


def bench(*argv, **options):
    return subprocess.run([paths.binary("lb-bench"), *argv], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def test_every_row_of_ipv4_is_measured_and_valid():
    done = bench("xdp", "--quick", "--rounds", "1", "--path", "v4-*", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["bench"] == "xdp"
    listed = bench("xdp", "--quick", "--path", "v4-*", "--list").stdout.split()
    assert [r["path"] for r in result["rows"]] == listed
    assert len(set(listed)) == len(listed)
    assert V4_ROWS <= set(listed)
    for row in result["rows"]:
        assert "error" not in row, row
        assert row["min"] <= row["ns"] <= row["max"], row
        assert row["samples"] == result["settings"]["bursts"]
        assert COUNTS <= set(row), row
    root, balancer = result["programs"]
    assert root["name"] == "sluice_root" and balancer["name"] == "sluice_balancer"
    assert balancer["instructions"] > root["instructions"] > 0
    assert balancer["verified"] > 0


def test_results_go_to_a_file_and_the_table_to_the_terminal(tmp_path):
    path = tmp_path / "xdp.json"
    done = bench("xdp", "--quick", "--rounds", "2", "--path", "v6-*not-a-vip", "--json",
                 str(path))
    assert done.returncode == 0, done.stderr
    rows = {r["path"]: r for r in json.loads(path.read_text())["rows"]}
    assert set(rows) == {"v6-not-a-vip", "v6-udp-not-a-vip"}
    assert rows["v6-not-a-vip"]["target"] == {"floors": 1}
    floors = rows["v6-not-a-vip"]["floors"]
    assert rows["v6-not-a-vip"]["met"] is (floors is not None and floors <= 1)
    assert any(line.startswith("v6-udp-not-a-vip ") for line in done.stdout.splitlines())
    compared = bench("compare", "--json", str(path), str(path))
    assert compared.returncode == 0, compared.stderr
    assert {r["path"]: r["ratio"] for r in json.loads(compared.stdout)["rows"]} == {
        r: 1 for r in rows}


def test_a_warm_flow_among_many_vips_is_compared_with_the_same_among_few():
    done = bench("xdp", "--quick", "--rounds", "1", "--path", "v4-tcp-ipip-clean*", "--json")
    assert done.returncode == 0, done.stderr
    rows = {r["path"]: r for r in json.loads(done.stdout)["rows"]}
    large, small = rows["v4-tcp-ipip-clean-10k-vips-100k-backends"], rows["v4-tcp-ipip-clean"]
    assert large["target"] == {"ratio": 1.5, "to": "v4-tcp-ipip-clean"}
    if large["floors"] and small["floors"]:  # null where the machine was too busy to tell
        assert large["ratio"] == pytest.approx(large["floors"] / small["floors"], rel=1e-3)
    assert rows["v4-tcp-ipip-clean-10k-vips-100k-backends-1m-flows"]["target"] is None


def test_sizes_are_as_asked_for():
    done = bench("xdp", "--rounds", "1", "--vips", "30", "--backends", "60", "--flows", "100",
                 "--path", "v6-tcp-l2*", "--json")
    assert done.returncode == 0, done.stderr
    assert [r["path"] for r in json.loads(done.stdout)["rows"]] == [
        "v6-tcp-l2-clean-30-vips-60-backends", "v6-tcp-l2-clean-30-vips-60-backends-128-flows",
        "v6-tcp-l2-clean-30-vips-60-backends-128-random"]


def test_counts_are_the_same_in_every_run_and_hold_no_times():
    first, second = (bench("xdp", "--count", "--path", "v?-tcp-*-clean", "--json")
                     for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    result = json.loads(first.stdout)
    assert set(result) == {"bench", "programs", "rows"}
    assert [set(p) for p in result["programs"]] == [
        {"name", "instructions", "machine_code", "verified"}] * 2
    rows = {r["path"]: r for r in result["rows"]}
    assert set(rows) == {f"v{af}-tcp-{what}-clean" for af in (4, 6)
                         for what in ("ipip", "l2", "syn-ipip", "syn-l2", f"ipip{10 - af}",
                                      "gue", f"gue{10 - af}")}
    for row in rows.values():
        assert set(row) == COUNTS | {"path"}
        assert all(isinstance(row[c], int) for c in COUNTS)
    # An encapsulation is one helper call and some instructions more than a rewritten header.
    ipip, l2 = rows["v4-tcp-ipip-clean"], rows["v4-tcp-l2-clean"]
    assert ipip["instructions"] > l2["instructions"]
    assert ipip["helper_calls"] == l2["helper_calls"] + 1


def test_the_balancers_instructions_are_told_by_source_file():
    argv = ("xdp", "--files", "--path", "v4-tcp-l2-clean-1m-flows")
    (row,) = json.loads(bench(*argv, "--json").stdout)["rows"]
    assert set(row) == COUNTS | {"path", "files"}
    files = row["files"]
    assert {"parse.h", "service.h", "fwd_l2.h", "verdict.h"} <= set(files)
    assert files.get("fwd_ipip.h", 0) < files["fwd_l2.h"]
    # The root program has the rest: it does little more than a tail call.
    assert 0 < row["instructions"] - sum(files.values()) < 10
    table = [line.split() for line in bench(*argv).stdout.splitlines()]
    assert [line for line in table if line and line[0] in files] == [
        [name, str(n)] for name, n in files.items()]


def test_the_table_and_a_timed_run_tell_the_same_counts():
    argv = ("xdp", "--path", "v4-not-a-vip")
    (row,) = json.loads(bench(*argv, "--count", "--json").stdout)["rows"]
    (timed,) = json.loads(bench(*argv, "--rounds", "1", "--json").stdout)["rows"]
    assert {c: timed[c] for c in COUNTS} == {c: row[c] for c in COUNTS}
    cells = [str(row["instructions"]), str(row["lookups"]), str(row["helper_calls"]),
             f'{row["config_lines"]}+{row["counter_lines"]}']
    table = bench(*argv, "--count").stdout.splitlines()
    assert table[0].split() == ["insns", "look-ups", "calls", "lines"]
    assert table[1].split() == ["v4-not-a-vip", *cells]
    lines = [line.split() for line in bench(*argv, "--rounds", "1").stdout.splitlines()]
    (line,) = [line for line in lines if line[:1] == ["v4-not-a-vip"]]
    assert line[5:9] == cells


@pytest.mark.parametrize("argv, word", [
    (["xdp", "--path", "nonsense"], "nonsense"),
    (["xdp", "--rounds", "0"], "--rounds"),
    (["xdp", "stray"], "stray"),
    (["compare"], "two files"),
    (["compare", "one"], "two files"),
])
def test_a_wrong_call_is_refused_with_a_reason(argv, word):
    done = bench(*argv)
    assert done.returncode == 2
    assert word in done.stderr


def test_without_root_it_says_that_root_is_needed():
    done = run_as_nobody(paths.binary("lb-bench"), "xdp", "--path", "v4-not-a-vip")
    assert done.returncode == 1
    assert "root" in done.stderr


@pytest.fixture
def files(tmp_path):
    def write(name, rows, bench="xdp"):
        path = tmp_path / name
        path.write_text(json.dumps({"bench": bench, "rows": rows}))
        return str(path)
    return write


def test_two_files_are_compared_row_by_row(files):
    a = files("a.json", [{"path": "same", "ns": 40.0, "floors": 4.0}, {"path": "gone", "ns": 1.0},
                         {"path": "failed", "ns": None, "error": "…"}])
    b = files("b.json", [{"path": "new", "ns": 2.0}, {"path": "same", "ns": 30.0, "floors": 5},
                         {"path": "failed", "ns": 3.0}])
    done = bench("compare", "--json", a, b)
    assert done.returncode == 0, done.stderr
    rows = {r["path"]: r for r in json.loads(done.stdout)["rows"]}
    assert list(rows) == ["same", "gone", "failed", "new"]
    assert (rows["same"]["a"], rows["same"]["b"]) == (40, 30)
    assert rows["same"]["ratio"] == pytest.approx(0.75)
    assert rows["same"]["percent"] == pytest.approx(-25)
    assert rows["same"]["floors_ratio"] == pytest.approx(1.25)
    assert rows["failed"]["floors_ratio"] is None
    assert [rows[r]["only"] for r in rows] == [None, "a", None, "b"]
    assert rows["failed"]["ratio"] is None
    text = bench("compare", a, b).stdout
    assert "-25.0%" in text and "only in A" in text and "only in B" in text
    assert "not measured in both" in text
    assert next(line for line in text.splitlines() if line.startswith("same ")).endswith(" 1.25")


def test_counts_that_changed_are_told_below_their_row(files):
    def row(**counts):
        return {"path": "p", "instructions": 386, "lookups": 7, "config_lines": 6} | counts

    timed = files("a.json", [row(ns=40.0)])
    faster = files("b.json", [row(ns=30.0, lookups=0, config_lines=5)])
    lines = bench("compare", timed, faster).stdout.splitlines()
    assert "-25.0%" in lines[-2]
    assert lines[-1].strip() == "look-ups 7 → 0, lines of configuration 6 → 5"
    (compared,) = json.loads(bench("compare", "--json", timed, faster).stdout)["rows"]
    assert compared["counts"] == {"instructions": [386, 386], "lookups": [7, 0],
                                  "config_lines": [6, 5]}
    assert bench("compare", timed, timed).stdout.splitlines()[-1].endswith("+0.0%")
    # Of files without times, the instructions are the figure; also where one has both.
    counted = files("c.json", [row(instructions=193)])
    for a in (timed, files("d.json", [row()])):
        line = bench("compare", a, counted).stdout.splitlines()[-2]
        assert " insn " in line and "-50.0%" in line


def test_results_of_control_are_compared_too(files):
    a = files("a.json", [{"name": "check", "unit": "ms", "median": 10}], "control")
    b = files("b.json", [{"name": "check", "unit": "ms", "median": 20}], "control")
    done = bench("compare", a, b)
    assert done.returncode == 0
    assert "+100.0%" in done.stdout and " ms " in done.stdout


def test_what_cannot_be_compared_is_refused_with_a_reason(files, tmp_path):
    a = files("a.json", [])
    other = files("b.json", [], "control")
    broken = tmp_path / "broken.json"
    broken.write_text('{"rows": [')
    for argv, word in [((a, other), "control"), ((a, str(broken)), "broken.json:1"),
                       ((a, str(tmp_path / "no")), "no")]:
        done = bench("compare", *argv)
        assert done.returncode == 1
        assert word in done.stderr
