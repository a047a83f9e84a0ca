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


def bench(*argv, **options):
    return subprocess.run([paths.binary("lb-bench"), *argv], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def test_every_row_of_ipv4_is_measured_and_valid():
    done = bench("xdp", "--quick", "--rounds", "1", "--path", "v4-*", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["bench"] == "xdp"
    assert {r["path"] for r in result["rows"]} == V4_ROWS
    assert len(result["rows"]) == len(V4_ROWS)
    for row in result["rows"]:
        assert "error" not in row, row
        assert row["min"] <= row["ns"] <= row["max"], row
        assert row["samples"] == result["settings"]["bursts"]
    root, balancer = result["programs"]
    assert root["name"] == "sluice_root" and balancer["name"] == "sluice_balancer"
    assert balancer["instructions"] > root["instructions"] > 0
    assert balancer["verified_instructions"] > 0


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
