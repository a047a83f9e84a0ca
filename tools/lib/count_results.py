#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Counts the individual tests of a run and says what failed, what was skipped, and why.

count_results.py [--ci] PART…, each part being KIND:SUITE:PATH with KIND one of
    criterion  PATH is Meson's log (one JSON object a test binary) of binaries run with --verbose
    pytest     PATH is LOG::DIR: the same log of pytest runs that wrote DIR/<name>.xml
    json       PATH is a list of {"name", "outcome": passed, failed or skipped, "where"}; of what
               was skipped, "where" is the reason
    files      PATH is a directory that must hold no file (a sanitizer's reports)
The last line is "N passed, N failed, N skipped". Exit 0 where none failed and at least one passed.
"""

import argparse
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.realpath(__file__))
CRITERION_LINE = re.compile(r"^\[(PASS|FAIL|SKIP)\] (\S+?::\S+?):(.*)$")


class Results:
    def __init__(self):
        self.passed = 0
        self.failed = []   # (suite, test, where to look)
        self.skipped = []  # (suite, test, reason)

    def merge(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def meson_log(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as f:
        return [json.loads(line) for line in f if line.strip()]


def short_name(entry):
    """Meson's "suite - project:name", or "project:suite / name", as "name"."""
    return re.split(r"[:/ ]", entry["name"])[-1]


def binary_failed(entry):
    return entry["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")


def count_criterion(suite, path):
    results = Results()
    text_log = re.sub(r"\.json$", ".txt", path)
    entries = meson_log(path)
    if not entries:
        results.failed.append((suite, "(all)", f"nothing ran: {path} is missing or empty"))
    for entry in entries:
        name = short_name(entry)
        found = Results()
        detail = []
        for line in (entry.get("stdout", "") + "\n" + entry.get("stderr", "")).split("\n"):
            match = CRITERION_LINE.match(line.strip())
            if not match:
                if line.startswith("[----]") and line[6:].strip() and "Criterion v" not in line:
                    detail.append(line[6:].strip())
                continue
            verdict, test, rest = match.groups()
            test = f"{name}: {test}"
            if verdict == "PASS":
                found.passed += 1
            elif verdict == "SKIP":
                found.skipped.append((suite, test, rest.strip()))
            else:
                where = " | ".join(detail[:3]) or rest.strip()
                found.failed.append((suite, test, f"{where} (log: {text_log})"))
            detail = []
        if binary_failed(entry) and not found.failed:
            found.failed.append((suite, name, f"{entry['result']}, exit {entry.get('returncode')} "
                                              f"(log: {text_log})"))
        elif not binary_failed(entry) and not found.passed and not found.skipped \
                and "[====] Synthesis" not in entry.get("stderr", ""):
            found.passed += 1  # a plain program: its exit code is the test
        results.merge(found)
    return results


def count_pytest(suite, path, junit):
    results = Results()
    text_log = re.sub(r"\.json$", ".txt", path)
    entries = meson_log(path)
    if not entries:
        results.failed.append((suite, "(all)", f"nothing ran: {path} is missing or empty"))
    for entry in entries:
        name = short_name(entry)
        found = read_junit(suite, name, os.path.join(junit, name + ".xml"), text_log)
        if binary_failed(entry) and not found.failed:
            found.failed.append((suite, name, f"{entry['result']}, exit {entry.get('returncode')} "
                                              f"(log: {text_log})"))
        results.merge(found)
    return results


def read_junit(suite, name, path, text_log):
    results = Results()
    if not os.path.exists(path):
        results.failed.append((suite, name, f"wrote no results (log: {text_log})"))
        return results
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        test = f"{name}: {case.get('name')}"
        bad = [e for e in case if e.tag in ("failure", "error")]
        skip = case.find("skipped")
        if bad:
            message = (bad[0].get("message") or "").strip().split("\n")[0][:160]
            results.failed.append((suite, test, f"{message} (log: {text_log})"))
        elif skip is not None:
            results.skipped.append((suite, test, skip.get("message") or ""))
        else:
            results.passed += 1
    return results


def count_json(suite, path):
    results = Results()
    if not os.path.exists(path):
        results.failed.append((suite, "(all)", f"nothing ran: {path} is missing"))
        return results
    with open(path, encoding="utf-8") as f:
        for item in json.load(f):
            if item["outcome"] == "passed":
                results.passed += 1
            elif item["outcome"] == "skipped":
                results.skipped.append((suite, item["name"], item["where"]))
            else:
                results.failed.append((suite, item["name"], item["where"]))
    return results


def count_files(suite, path):
    results = Results()
    reports = sorted(os.listdir(path)) if os.path.isdir(path) else []
    for name in reports:
        with open(os.path.join(path, name), encoding="utf-8", errors="replace") as f:
            errors = [line.strip() for line in f if "ERROR" in line or "runtime error" in line]
        results.failed.append((suite, "no report", f"{errors[0][:120] if errors else 'report'} "
                                                   f"(log: {os.path.join(path, name)})"))
    if not reports:
        results.passed += 1
    return results


def allowed_reasons():
    with open(os.path.join(HERE, "platform_lacks.txt"), encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    return [re.compile(line) for line in lines if line and not line.startswith("#")]


def fail_skips(results):
    """In CI a skip is a failure, unless the platform truly lacks what it needs."""
    allowed = allowed_reasons()
    kept = []
    for suite, test, reason in results.skipped:
        if any(pattern.fullmatch(reason) for pattern in allowed):
            kept.append((suite, test, reason))
        else:
            results.failed.append((suite, test, f"skipped in CI: {reason}"))
    results.skipped = kept


def report(results):
    if results.failed:
        print("\nFailed:")
        for suite, test, where in results.failed:
            print(f"  {suite}/{test}\n      {where}")
    if results.skipped:
        print("\nSkipped:")
        reasons = {}
        for suite, test, reason in results.skipped:
            reasons.setdefault(reason or "(no reason given)", []).append(f"{suite}/{test}")
        for reason, tests in reasons.items():
            more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
            print(f"  {tests[0]}{more}: {reason}")
    if results.failed or results.skipped:
        print()
    print(f"{results.passed} passed, {len(results.failed)} failed, {len(results.skipped)} skipped")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--ci", action="store_true", help="skips count as failures")
    parser.add_argument("--filtered", action="store_true",
                        help="Criterion's disabled tests were only not asked for")
    parser.add_argument("parts", nargs="+", metavar="KIND:SUITE:PATH")
    args = parser.parse_args()
    results = Results()
    for part in args.parts:
        kind, suite, path = part.split(":", 2)
        if kind == "pytest":
            path, junit = path.split("::", 1)
            results.merge(count_pytest(suite, path, junit))
        else:
            count = {"criterion": count_criterion, "json": count_json, "files": count_files}[kind]
            results.merge(count(suite, path))
    if args.filtered:
        results.skipped = [s for s in results.skipped if s[2] != "Test is disabled"]
    if args.ci:
        fail_skips(results)
    report(results)
    return 0 if results.passed and not results.failed else 1


if __name__ == "__main__":
    sys.exit(main())
