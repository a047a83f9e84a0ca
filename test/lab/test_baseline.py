# SPDX-License-Identifier: GPL-2.0-only
"""tools/baseline: what is a rise, what is missing, and that a renewal is what the next run passes.

On made-up figures: what the programs really cost is compared by tools/test itself. And what the
figures come from: lb-bench programs and icount, and scenarios that ran in a guest.
"""

import json
import os
import subprocess
import sys

import pytest

from lablib import paths

sys.path.insert(0, os.path.join(paths.ROOT, "tools", "lib"))

import baseline as lib  # noqa: E402
import count_results  # noqa: E402
import scenario  # noqa: E402

PROGRAM = {"name": "prog", "instructions": 1000, "machine_code": 5000, "verified": 2000}
ROW = {"path": "v4", "instructions": 400, "lookups": 7, "helper_calls": 0}


class Tool:
    """tools/baseline on figures and baselines of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.results = directory / "results.json"

    def measure(self, programs=(PROGRAM,), rows=(ROW,), kernel="6.12.1"):
        self.results.write_text(json.dumps({"host": {"kernel": kernel}, "programs": programs,
                                            "rows": rows}))

    def run(self, *options, name="made-up", source=None):
        done = subprocess.run(
            [os.path.join(paths.ROOT, "tools", "baseline"), "--directory", str(self.directory),
             "--build", paths.BUILD, "--json", str(self.directory / "out"),
             *options, source or f"{name}={self.results}"],
            capture_output=True, text=True, timeout=60, check=False)
        self.output = done.stdout + done.stderr
        if (self.directory / "out").exists():
            self.outcomes = json.loads((self.directory / "out").read_text())
        return done.returncode

    def failed(self):
        return {r["name"]: r["where"] for r in self.outcomes if r["outcome"] == "failed"}

    def edit(self, change, name="made-up"):
        path = self.directory / f"{name}.json"
        baseline = json.loads(path.read_text())
        change(baseline)
        path.write_text(json.dumps(baseline))


@pytest.fixture
def tool(tmp_path):
    made = Tool(tmp_path)
    made.measure()
    assert made.run("--renew") == 0, made.output
    return made


def test_a_renewal_is_what_the_next_run_passes(tool):
    tool.measure([{**PROGRAM, "verified": 9000}], [{**ROW, "instructions": 500}])
    assert tool.run() == 1
    assert tool.run("--renew") == 0, tool.output
    assert tool.run() == 0, tool.output
    assert [r["outcome"] for r in tool.outcomes] == ["passed", "passed"]


def test_a_run_without_renewal_leaves_the_baseline_alone(tool):
    before = (tool.directory / "made-up.json").read_bytes()
    tool.measure([{**PROGRAM, "instructions": 1001}])
    assert tool.run() == 0
    assert (tool.directory / "made-up.json").read_bytes() == before


@pytest.mark.parametrize("now, fails", [(1050, False), (1051, True), (1049, False), (900, False)])
def test_a_rise_of_five_percent_passes_and_of_more_fails(tool, now, fails):
    tool.measure([{**PROGRAM, "instructions": now}])
    assert tool.run() == (1 if fails else 0), tool.output
    assert list(tool.failed()) == (["made-up: prog"] if fails else [])


def test_a_failure_says_the_figures_and_how_the_rise_is_accepted(tool):
    tool.measure(rows=[{**ROW, "instructions": 421}])
    assert tool.run() == 1
    where = tool.failed()["made-up: v4"]
    assert "instructions rose from 400 to 421, +5.2 %" in where
    assert "tools/baseline --renew made-up" in where
    assert where in tool.output


def test_a_call_where_there_was_none_is_a_rise(tool):
    tool.measure(rows=[{**ROW, "helper_calls": 1}])
    assert tool.run() == 1
    assert "helper_calls rose from 0 to 1, +1;" in tool.failed()["made-up: v4"]


def test_a_fall_passes_and_is_told(tool):
    tool.measure([{**PROGRAM, "verified": 1990}], [{**ROW, "lookups": 6}])
    assert tool.run() == 0
    words = [line.split() for line in tool.output.splitlines()]
    assert ["prog", "verified", "1990", "2000", "-0.5", "%", "better"] in words
    assert ["v4", "400", "6", "(-14.3", "%)", "0"] in words
    assert "Better than the baseline" in tool.output


@pytest.mark.parametrize("programs, rows, entry, word", [
    ([PROGRAM], [], "v4", "was not measured"),
    ([PROGRAM], [ROW, {**ROW, "path": "new"}], "new", "is not in the baseline"),
    ([PROGRAM], [{"path": "v4", "instructions": 400, "lookups": 7}], "v4",
     "helper_calls is in the baseline"),
    ([{**PROGRAM, "more": 1}], [ROW], "prog", "more is not in the baseline"),
    ([PROGRAM], [{"path": "v4", "instructions": None, "error": "…"}], "v4", "was not measured"),
])
def test_what_only_one_side_has_fails(tool, programs, rows, entry, word):
    tool.measure(programs, rows)
    assert tool.run() == 1
    assert list(tool.failed()) == [f"made-up: {entry}"]
    assert word in tool.failed()[f"made-up: {entry}"]


def test_what_a_kernel_makes_of_the_programs_is_no_matter_of_the_paths_counts(tool):
    assert tool.run("--renew", name="count") == 0, tool.output
    tool.measure([{**PROGRAM, "instructions": 5000}], kernel="6.99.0")
    assert tool.run(name="count") == 0, tool.output
    assert [(r["name"], r["outcome"]) for r in tool.outcomes] == [("count: v4", "passed")]


def test_machine_code_is_not_compared(tool):
    tool.measure([{**PROGRAM, "machine_code": 50000}])
    assert tool.run() == 0, tool.output


@pytest.mark.parametrize("programs, rows", [
    ([PROGRAM], [{"path": "v4", "instructions": None, "error": "…"}]), ([], []),
])
def test_what_was_not_measured_cannot_become_the_baseline(tool, programs, rows):
    tool.measure(programs, rows)
    assert tool.run("--renew") == 1
    tool.measure()
    assert tool.run() == 0, tool.output


@pytest.mark.parametrize("key, value", [("clang", "99.0.1"), ("machine", "vax"),
                                        ("kernel", "6.1.0-9-amd64")])
def test_figures_of_another_compiler_machine_or_kernel_are_not_compared(tool, key, value):
    tool.edit(lambda b: b.update({key: value}))
    tool.measure([{**PROGRAM, "instructions": 5000}])
    assert tool.run() == 0, tool.output
    assert [r["outcome"] for r in tool.outcomes] == ["skipped"]
    assert key in tool.outcomes[0]["where"] and value in tool.outcomes[0]["where"]


def test_a_point_release_of_the_kernel_is_compared(tool):
    tool.measure([{**PROGRAM, "instructions": 5000}], kernel="6.12.99")
    assert tool.run() == 1


def test_no_baseline_is_an_error_but_for_the_kernel_of_this_machine(tool):
    assert tool.run(name="other") == 1
    assert "tools/baseline --renew other" in tool.failed()["other"]
    assert tool.run(name="kernel-6.12") == 0
    assert tool.outcomes[0]["outcome"] == "skipped"
    assert tool.outcomes[0]["where"].startswith("this kernel has no baseline")


@pytest.mark.parametrize("text", ["{", "[]", '{"entries": {}}', '{"entries": {"a": {"b": "c"}}}'])
def test_a_broken_baseline_is_an_error(tool, text):
    (tool.directory / "made-up.json").write_text(text)
    assert tool.run() == 1
    assert "made-up.json is broken" in tool.failed()["made-up"]


@pytest.mark.parametrize("text", ["{", "[]", '{"programs": [{"path": "v4"}]}'])
def test_results_that_are_none_are_an_error(tool, text):
    tool.results.write_text(text)
    assert tool.run() == 1
    assert "not what lb-bench writes" in tool.failed()["made-up"]


def test_an_unknown_source_is_an_error(tool):
    assert tool.run(source="nonsense") == 1
    assert "no source 'nonsense'" in tool.output


def test_the_committed_baselines_have_a_line_an_entry_and_are_whole():
    names = sorted(name for name in os.listdir(lib.DIRECTORY) if name.endswith(".json"))
    assert {"objects.json", "count.json", "icount-6.12.json"} <= set(names)
    for name in names:
        baseline = lib.read_baseline(name.removesuffix(".json"), lib.DIRECTORY)
        programs = {"sluice_root", "sluice_balancer", "sluice_decap"}
        wanted = {"v4-tcp-ipip-clean"} if name == "count.json" else programs
        assert wanted <= set(baseline["entries"]), name
        with open(os.path.join(lib.DIRECTORY, name), encoding="utf-8") as f:
            assert len(f.readlines()) == len(baseline["entries"]) + 7, name


def test_code_is_counted_by_the_sections_that_are_executable():
    assert lib.code_bytes(
        "  [ 2] .text   PROGBITS  0000000000000000 000040 000100 00  AX  0   0  8\n"
        "  [ 3] .rodata PROGBITS  0000000000000000 000140 000200 00   A  0   0  8\n"
        "  [10] xdp     PROGBITS  0000000000000000 000340 000018 00  AX  0   0  8\n") == 0x118


@pytest.fixture
def no_guest(monkeypatch, tmp_path):
    """A tree whose tools/qemu-run does what it is told; the file that the guest would write."""
    (tmp_path / "tools").mkdir()
    results = tmp_path / "qemu" / "results"
    results.mkdir(parents=True)
    monkeypatch.setattr(lib, "ROOT", str(tmp_path))

    def make(script):
        path = tmp_path / "tools" / "qemu-run"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
        return str(tmp_path)
    return make


def test_no_qemu_is_a_skip_that_ci_knows(no_guest):
    build = no_guest("echo 'qemu-run: apt could not install: qemu-system-x86' >&2; exit 126\n")
    with pytest.raises(lib.Skip) as raised:
        lib.measure_icount(build, "6.12")
    assert "apt could not install: qemu-system-x86" in str(raised.value)
    assert any(p.fullmatch(str(raised.value)) for p in count_results.allowed_reasons())


def test_a_guest_that_takes_too_long_to_install_is_a_skip(no_guest, monkeypatch):
    monkeypatch.setattr(lib, "PREPARE_SECONDS", 1)
    build = no_guest("sleep 600 & wait\n")
    with pytest.raises(lib.Skip, match="no QEMU guest: not within 1 s"):
        lib.measure_icount(build, "6.12")


def test_a_guest_that_fails_is_a_failure_even_if_an_old_result_is_there(no_guest, tmp_path):
    old = json.dumps({"host": {"kernel": "6.12.1"}, "programs": [PROGRAM], "rows": [ROW]})
    (tmp_path / "qemu" / "results" / "icount-6.12.json").write_text(old)
    build = no_guest('case "$*" in *--prepare*) exit 0 ;; esac\necho "no clock" >&2; exit 1\n')
    with pytest.raises(lib.Failure, match="no clock"):
        lib.measure_icount(build, "6.12")
    build = no_guest("exit 0\n")
    with pytest.raises(lib.Failure, match="icount-6.12.json"):
        lib.measure_icount(build, "6.12")


def bench(*argv):
    return subprocess.run([paths.binary("lb-bench"), *argv], capture_output=True, text=True,
                          timeout=60, check=False)


def test_the_programs_are_the_same_in_each_run(tmp_path):
    documents = []
    for name in ("a", "b"):
        done = bench("programs", "--json", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        documents.append(json.loads((tmp_path / name).read_text()))
    assert documents[0]["programs"] == documents[1]["programs"]
    names = [p["name"] for p in documents[0]["programs"]]
    assert names == ["sluice_root", "sluice_balancer", "sluice_decap"]
    for program in documents[0]["programs"]:
        assert program["instructions"] > 0 and program["verified"] > 0, program
        assert any(line.split() == [program["name"], str(program["instructions"]),
                                    str(program["machine_code"]), str(program["verified"])]
                   for line in done.stdout.splitlines())


def test_a_clock_that_counts_time_is_refused():
    done = bench("icount", "--path", "v4-not-a-vip")
    assert done.returncode == 1
    assert "clock does not count instructions; use tools/qemu-run --icount" in done.stderr


@pytest.mark.parametrize("argv, word", [
    (["programs", "stray"], "stray"), (["icount", "stray"], "stray"),
    (["icount", "--path", "nonsense"], "nonsense"), (["icount", "--rounds"], "--help"),
])
def test_a_wrong_call_is_refused_with_a_reason(argv, word):
    done = bench(*argv)
    assert done.returncode == 2
    assert word in done.stderr


def outcomes(text):
    return {c["name"]: c["outcome"] for c in scenario.read_checks(text, "log")}


def test_a_scenario_is_counted_check_by_check():
    text = "# part\nok    one\nok    two\n2 passed, 0 failed, 9 s of guest time\n"
    assert outcomes(text) == {"one": "passed", "two": "passed"}
    text = "ok    one\r\nFAIL  two\r\n   | why\r\n1 passed, 1 failed, 9 s of guest time\r\n"
    assert outcomes(text) == {"one": "passed", "two": "failed"}


@pytest.mark.parametrize("text", ["", "ok    one\n", "ok    one\n2 passed, 0 failed, 9 s\n"])
def test_a_scenario_that_stopped_half_way_fails(text):
    assert outcomes(text)["(end)"] == "failed"


def test_a_skip_of_a_source_is_counted_as_one(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"name": n, "outcome": n, "where": f"since {n}"}
                                for n in ("passed", "failed", "skipped")]))
    results = count_results.count_json("baseline", str(path))
    assert results.passed == 1
    assert results.failed == [("baseline", "failed", "since failed")]
    assert results.skipped == [("baseline", "skipped", "since skipped")]
