#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs a scenario of test/qemu/ in a guest and says check by check how it came out.

scenario.py [--json FILE] [--kernel 6.1|6.12] [--package NAME]… SCRIPT [ARGUMENT…]: SCRIPT prints
"ok    WHAT" or "FAIL  WHAT" and, at its end, "N passed, N failed". A machine that can install no
guest, or a package, is a skip. Exit 0: nothing failed.
"""

import argparse
import json
import os
import re
import sys

import baseline as lib

LIMIT_SECONDS = 400


def read_checks(text, log):
    """[{"name", "outcome", "where"}] of what it printed; an end that is missing is a failure."""
    checks = []
    for line in text.splitlines():
        if match := re.match(r"(ok  |FAIL)  (.*)$", line.rstrip("\r")):
            failed = match.group(1) == "FAIL"
            checks.append({"name": match.group(2), "outcome": "failed" if failed else "passed",
                           "where": f"log: {log}" if failed else ""})
    end = re.search(r"^(\d+) passed, (\d+) failed", text, re.MULTILINE)
    # A set-up that fails is none of the checks that the end counts.
    if not end or int(end.group(1)) != sum(c["outcome"] == "passed" for c in checks):
        checks.append({"name": "(end)", "outcome": "failed",
                       "where": f"it did not run to its end: {lib.last_line(text)} (log: {log})"})
    return checks


def run(args):
    qemu = [os.path.join(lib.ROOT, "tools", "qemu-run"), "--build", args.build,
            "--kernel", args.kernel]
    lib.prepare_guest([*qemu, *(o for p in args.package for o in ("--package", p))])
    code, output, errors = lib.run([*qemu, "--time-limit", str(LIMIT_SECONDS), "--", *args.script],
                                   cwd=lib.ROOT)
    name = os.path.basename(args.script[0]).removesuffix(".sh")
    log = os.path.join(args.build, "results", f"qemu-{name}.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "w", encoding="utf-8") as f:
        f.write(output + errors)
    checks = read_checks(output, log)
    if code != 0 and all(c["outcome"] == "passed" for c in checks):
        checks.append({"name": "(exit)", "outcome": "failed",
                       "where": f"exit {code}: {lib.last_line(errors)} (log: {log})"})
    return [{**c, "name": f"{name}: {c['name']}"} for c in checks]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--build", default=os.path.join(lib.ROOT, "build"), metavar="DIR")
    parser.add_argument("--kernel", default="6.1")
    parser.add_argument("--package", action="append", default=[])
    parser.add_argument("script", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if not args.script:
        parser.error("which scenario?")
    try:
        checks = run(args)
    except lib.Skip as e:
        checks = [{"name": args.script[0], "outcome": "skipped", "where": str(e)}]
    except lib.Failure as e:
        checks = [{"name": args.script[0], "outcome": "failed", "where": str(e)}]
    for check in checks:
        mark = {"passed": "✓", "failed": "✗", "skipped": "-"}[check["outcome"]]
        print(f"{mark} {check['name']}" + (f": {check['where']}" if check["where"] else ""))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(checks, f)
    return 1 if any(c["outcome"] == "failed" for c in checks) else 0


if __name__ == "__main__":
    sys.exit(main())
