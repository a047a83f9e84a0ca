# SPDX-License-Identifier: GPL-2.0-only
"""lb-bench wire accounts for every packet. Rates are not looked at."""

import json
import os
import subprocess

import pytest

from lablib import paths
from lablib.nobody import run_as_nobody

SLUICE = {f"wire-{forward}-v{family}{end}" for forward in ("ipip", "l2") for family in (4, 6)
          for end in ("", "-redirect")}
OURS = SLUICE | {"wire-tx-v4", "wire-tx-v6"}
GENERATOR = {"wire-generator-v4", "wire-generator-v6"}
KERNEL = {f"wire-{way}-v{family}" for way in ("forward", "nft-dnat") for family in (4, 6)}


def wire(*argv, **options):
    return subprocess.run(
        [paths.binary("lb-bench"), "wire", "--agent", paths.binary("lb-agent"), *argv],
        capture_output=True, text=True, timeout=120, check=False, **options)


def small(*argv, **options):
    return wire("--quick", "--rounds", "1", "--seconds", "0.05", *argv, **options)


@pytest.fixture(scope="module")
def result():
    done = wire("--quick", "--rounds", "2", "--seconds", "0.2", "--flows", "1000", "--vips", "3",
                "--backends", "5", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def rows(result):
    return {r["path"]: r for r in result["rows"]}


def test_every_path_is_measured(result, rows):
    assert set(rows) - {"wire-ipvs-v4", "wire-ipvs-v6"} == OURS | GENERATOR | KERNEL
    for row in rows.values():
        assert row["samples"] == 2, row
        assert 0 < row["min"] <= row["pps"] <= row["max"], row
        assert row["received"] > 0, row
    assert any("IPVS" in why or "ipvs" in why for why in result["not_measured"]) == \
        ("wire-ipvs-v4" not in rows)


def test_what_was_sent_arrived_at_the_box_or_did_not_fit_into_its_ring(rows):
    for row in rows.values():
        assert row["offered"] == row["arrived"] + row["overrun"], row
        assert row["offered"] == row["received"] + row["lost"], row


def test_sluice_sends_on_all_that_arrives_and_nothing_is_lost_unaccounted(rows):
    for name in OURS:
        row = rows[name]
        assert row["balanced"] == row["arrived"], row
        assert row["balanced"] == row["received"] + row["send_errors"], row


def test_rates_are_of_the_packets_that_were_received(rows):
    for row in rows.values():
        mean = row["received"] / row["seconds"]
        assert row["min"] * 0.999 <= mean <= row["max"] * 1.001, row
        assert row["ns"] == pytest.approx(1e9 / row["pps"], rel=0.001), row


def test_ratios_are_those_of_the_rows(result, rows):
    found = {(r["path"], r["against"]): r for r in result["ratios"]}
    ratio = found["wire-ipip-v4", "tx"]
    assert ratio["target"] == 0.85
    assert ratio["met"] is (ratio["ratio"] >= 0.85)
    own, other = rows["wire-ipip-v4"], rows["wire-tx-v4"]
    assert own["min"] / other["max"] <= ratio["ratio"] * 1.001
    assert ratio["ratio"] <= own["max"] / other["min"] * 1.001
    assert found["wire-ipip-v6", "nft-dnat"]["target"] == 8
    assert {path for path, _ in found} == OURS


def test_one_family_one_mode_full_frames_a_file_and_the_table(tmp_path):
    path = tmp_path / "result.json"
    done = small("--family", "6", "--forward", "ipip", "--size", "1514", "--json", str(path))
    assert done.returncode == 0, done.stderr
    result = json.loads(path.read_text())
    names = {r["path"] for r in result["rows"]} - {"wire-ipvs-v6"}
    assert names == {f"wire-{name}" for name in (
        "generator-v6", "tx-v6", "ipip-v6", "ipip-v6-redirect", "forward-v6", "nft-dnat-v6")}
    assert result["settings"]["size"] == 1514
    lines = done.stdout.splitlines()
    assert all(any(line.startswith(name + " ") for line in lines) for name in names)
    assert max(map(len, lines)) <= 110


def test_nothing_is_left_behind():
    def outside():
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            mounts = f.read()
        links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True)
        return mounts, links.stdout, sorted(os.listdir("/run"))
    before = outside()
    assert small("--family", "4", "--forward", "l2").returncode == 0
    assert outside() == before


def test_a_box_that_does_not_forward_is_an_error(tmp_path):
    """Its programs are taken off while it is measured."""
    agent = tmp_path / "lb-agent"
    agent.write_text(f"""#!/bin/sh
(sleep 2; ip link set bench0 xdp off) &
exec '{paths.binary("lb-agent")}' "$@"
""")
    agent.chmod(0o755)
    done = wire("--agent", str(agent), "--quick", "--rounds", "50", "--seconds", "0.2",
                "--flows", "1000", "--family", "4", "--forward", "l2")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(("lb-bench: wire-l2-v4: ",
                                                    "lb-bench: wire-l2-v4-redirect: "))


@pytest.mark.parametrize("argv, word", [
    (["--flows", "0"], "--flows"),
    (["--size", "63"], "--size"),
    (["--family", "5"], "--family"),
    (["--forward", "nat"], "--forward"),
    (["--seconds", "soon"], "--seconds"),
    (["stray"], "stray"),
])
def test_a_wrong_call_is_refused_with_a_reason(argv, word):
    done = wire(*argv)
    assert done.returncode == 2
    assert word in done.stderr


def test_without_root_it_says_that_root_is_needed():
    done = run_as_nobody(paths.binary("lb-bench"), "wire")
    assert done.returncode == 1
    assert "root" in done.stderr
