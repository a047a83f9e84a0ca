# SPDX-License-Identifier: GPL-2.0-only
"""Counts of the BPF programs against committed ones: what is measured where, and what is a rise.

A source is one place to measure in, and one file of test/baseline/. All of its figures are counts
that are the same in each run, so that a rise is one of the programs and none of the machine:

    objects      instructions as the compiler wrote them; any machine
    kernel-X.Y   instructions after the kernel's translation, and those that its verifier
                 processed; for this machine's kernel, if there is a file for its series
    count        BPF instructions, look-ups and helper calls a packet, by path; any kernel
    icount-X.Y   the same as of kernel-X.Y, and machine instructions a packet, by path; Debian's
                 kernel of that series in QEMU

They depend on the compiler, so figures of another clang are not compared, but named as a skip.
"""

import json
import os
import platform
import re
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
DIRECTORY = os.path.join(ROOT, "test", "baseline")
PROGRAMS = ("root", "balancer", "decap")
RISE_PERCENT = 5
# Depends on what the CPU has.
NOT_COMPARED = ("machine_code", "jited_bytes")
# Packages and a kernel are to be had within the one; a guest takes 20 seconds, not the other.
PREPARE_SECONDS = 180
GUEST_SECONDS = 300


class Skip(Exception):
    """The source cannot be measured or compared here; says what is missing."""


class Failure(Exception):
    """The source should have been measured, and was not."""


def run(argv, **options):
    try:
        result = subprocess.run(argv, capture_output=True, text=True, check=False,
                                stdin=subprocess.DEVNULL, **options)
    except OSError as e:
        raise Failure(f"{argv[0]}: {e.strerror}") from e
    except subprocess.TimeoutExpired as e:
        raise Failure(f"{argv[0]} took more than {e.timeout:.0f} s") from e
    return result.returncode, result.stdout, result.stderr


def last_line(text):
    lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
    return lines[-1] if lines else "(it said nothing)"


# Measuring. Each returns {"kernel", "clang", "machine", "entries": {name: {figure: count}}}.

def series(release):
    match = re.match(r"\d+\.\d+", release)
    return match.group(0) if match else release


def clang_version(build):
    """Of the compiler that the build directory is set up with."""
    name = "clang"
    try:
        with open(os.path.join(build, "meson-info", "intro-buildoptions.json"),
                  encoding="utf-8") as f:
            name = next(o["value"] for o in json.load(f) if o["name"] == "clang")
    except (OSError, StopIteration) as e:
        raise Failure(f"{build} is no build directory of this tree") from e
    match = re.search(r"version (\S+)", run([name, "--version"])[1])
    if not match:
        raise Failure(f"{name} does not tell its version")
    return match.group(1)


def measured(build, release, entries):
    return {"kernel": release, "clang": clang_version(build), "machine": platform.machine(),
            "entries": entries}


def code_bytes(sections):
    """Bytes of the sections that are code, of what `readelf --sections --wide` printed."""
    found = re.findall(r"^ +\[ *\d+\] \S+ +PROGBITS +\S+ \S+ ([0-9a-f]+) \S+ +(\S*X\S*) ",
                       sections, re.MULTILINE)
    return sum(int(size, 16) for size, _ in found)


def measure_objects(build):
    entries = {}
    for name in PROGRAMS:
        path = os.path.join(build, "xdp", name + ".bpf.o")
        code, output, errors = run(["readelf", "--sections", "--wide", path],
                                   env={**os.environ, "LC_ALL": "C"})
        size = code_bytes(output)
        if code != 0 or size == 0:
            raise Failure(f"{path}: {last_line(errors) if errors else 'no code in it'}")
        entries["sluice_" + name] = {"instructions": size // 8}
    return measured(build, None, entries)


def read_results(path, rows_only=False):
    """The figures of a file that lb-bench wrote, those of an erroneous row being none."""
    try:
        with open(path, encoding="utf-8") as f:
            document = json.load(f)
        items = [] if rows_only else [(p["name"], p) for p in document["programs"]]
        items += [(r["path"], r) for r in document.get("rows", [])]
        release = document.get("host", {}).get("kernel")
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise Failure(f"{path} is not what lb-bench writes ({e})") from e
    entries = {}
    for name, item in items:
        entries[name] = {key: value for key, value in item.items()
                         if type(value) is int and key not in NOT_COMPARED}
    return release, entries


def read_counts(path):
    """What the programs are in the same file depends on the kernel, and is kernel-X.Y's matter.
    Rows of many flows say nothing new: the packet that is counted is that of one flow."""
    entries = read_results(path, rows_only=True)[1]
    return None, {name: figures for name, figures in entries.items()
                  if not re.search(r"-(flows|random)$", name)}


def measure_here(build, read, *argv):
    path = os.path.join(build, "results", f"lb-bench-{argv[0]}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bench = os.path.join(build, "tools", "bench", "lb-bench")
    code, _, errors = run([bench, *argv, "--json", path], timeout=GUEST_SECONDS)
    if code != 0:
        raise Failure(last_line(errors))
    return measured(build, *read(path))


def prepare_guest(qemu_run):
    """What the call of tools/qemu-run needs is installed and fetched in reasonable time, or it
    is a Skip."""
    # timeout(1) ends apt with it, which would hold the pipes else.
    code, _, errors = run(["timeout", "-k", "10", str(PREPARE_SECONDS), *qemu_run, "--prepare"])
    if code in (124, 137):
        raise Skip(f"this machine can install no QEMU guest: not within {PREPARE_SECONDS} s")
    if code != 0:
        raise Skip(f"this machine can install no QEMU guest: {last_line(errors)}")


def measure_icount(build, kernel):
    qemu = [os.path.join(ROOT, "tools", "qemu-run"), "--build", build, "--kernel", kernel]
    prepare_guest(qemu)
    path = os.path.join(build, "qemu", "results", f"icount-{kernel}.json")
    if os.path.exists(path):
        os.unlink(path)
    bench = os.path.join(build, "tools", "bench", "lb-bench")
    code, output, errors = run([*qemu, "--icount", "--time-limit", str(GUEST_SECONDS), "--",
                                "sh", "-c", 'exec "$0" icount --json "$QEMU_RESULTS/$1"',
                                bench, os.path.basename(path)])
    if code != 0:
        raise Failure(last_line(errors if errors.strip() else output))
    return measured(build, *read_results(path))


def measure(source, build):
    """The name of the source's file, and its figures."""
    name, _, path = source.partition("=")
    if path:
        read = read_counts if name == "count" else read_results
        return name, measured(build, *read(path))
    if name == "objects":
        return name, measure_objects(build)
    if name == "kernel":
        now = measure_here(build, read_results, "programs")
        # What comes behind the version says who built it.
        now["kernel"] = re.match(r"[\d.]*", now["kernel"]).group(0)
        return f"kernel-{series(now['kernel'])}", now
    if name == "count":
        return name, measure_here(build, read_counts, "xdp", "--count", "--quick")
    kernel = re.fullmatch(r"icount-(\d+\.\d+)", name)
    if not kernel:
        raise Failure(f"there is no source '{source}'")
    return name, measure_icount(build, kernel.group(1))


# Comparing.

def change(was, now):
    """As text: in percent, which a change from none has not."""
    if was == 0 != now:
        return f"{now:+}"
    return f"{(now - was) * 100 / was if was else 0:+.1f} %"


def is_rise(was, now):
    """By more than RISE_PERCENT, exactly; from none to any is one."""
    return now * 100 > was * (100 + RISE_PERCENT)


def compare_entry(was, now):
    """(figure, count, baseline, what is wrong or None) for each figure; either side may be None."""
    rows = []
    for figure in dict.fromkeys([*(was or {}), *(now or {})]):
        old, new = (was or {}).get(figure), (now or {}).get(figure)
        if old is None:
            wrong = "is not in the baseline"
        elif new is None:
            wrong = "is in the baseline, and was not measured"
        elif is_rise(old, new):
            wrong = f"rose from {old} to {new}, {change(old, new)}"
        else:
            wrong = None
        rows.append((figure, new, old, wrong))
    if not rows:
        rows.append(("(none)", None, None, "has no figure"))
    return rows


def comparable(baseline, now):
    """None, or why figures of the two say nothing about each other."""
    for what, part in (("clang", lambda v: v.split(".")[0]), ("machine", str),
                       ("kernel", lambda v: series(v or ""))):
        if part(baseline[what]) != part(now[what]):
            return f"its baseline is of {what} {baseline[what]}, and this is {now[what]}"
    return None


def baseline_path(name, directory):
    return os.path.join(directory, name + ".json")


def read_baseline(name, directory):
    path = baseline_path(name, directory)
    try:
        with open(path, encoding="utf-8") as f:
            baseline = json.load(f)
        if not all(type(count) is int for figures in baseline["entries"].values()
                   for count in figures.values()):
            raise ValueError("a figure is no whole number")
        return {key: baseline[key] for key in ("kernel", "clang", "machine", "entries")}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError, TypeError) as e:
        raise Failure(f"{path} is broken ({e}); {renewal(name)} writes it anew") from e


def write_baseline(name, now, directory):
    """A line an entry, so that a change of it reads well."""
    if not now["entries"]:
        raise Failure("nothing was measured; the baseline stays as it is")
    for entry, figures in now["entries"].items():
        if not figures:
            raise Failure(f"{entry} has no figure; the baseline stays as it is")
    head = [f"  {json.dumps(key)}: {json.dumps(now[key])},"
            for key in ("kernel", "clang", "machine")]
    body = ",\n".join(f"    {json.dumps(entry)}: {json.dumps(figures)}"
                      for entry, figures in now["entries"].items())
    with open(baseline_path(name, directory), "w", encoding="utf-8") as f:
        f.write("{\n" + "\n".join(head) + '\n  "entries": {\n' + body + "\n  }\n}\n")


def renewal(name):
    source = "kernel" if name.startswith("kernel-") else name
    return f"tools/baseline --renew {source}"


def compare_entries(now, baseline):
    """[(entry, rows of compare_entry(), what is wrong or "")], in the baseline's order; what is
    new comes last."""
    compared = []
    for entry in dict.fromkeys([*baseline["entries"], *now["entries"]]):
        rows = compare_entry(baseline["entries"].get(entry), now["entries"].get(entry))
        wrong = [f"{figure} {why}" for figure, _, _, why in rows if why]
        compared.append((entry, rows, "; ".join(wrong)))
    return compared
