# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel holds, as text that can be compared: devices, routes, qdiscs, BPF objects."""

import json
import os
import re
import subprocess

_VOLATILE = re.compile(r"\b(REACHABLE|STALE|DELAY|PROBE|PERMANENT)\b|used [\d/]+|probes \d+"
                       r"|ref \d+|expires \d+sec|xdp/id:\d+")


def network(ns):
    """{command: lines} of everything that Sluice could have changed in a namespace."""
    commands = {
        "addr": ["ip", "-d", "addr"],
        "link": ["ip", "-d", "link"],
        "route4": ["ip", "-d", "-4", "route", "show", "table", "all"],
        "route6": ["ip", "-d", "-6", "route", "show", "table", "all"],
        "rule4": ["ip", "-4", "rule"],
        "rule6": ["ip", "-6", "rule"],
        "qdisc": ["tc", "qdisc"],
        "bpftool net": ["bpftool", "net"],
    }
    with ns.enter():
        devices = sorted(d for d in os.listdir("/proc/sys/net/ipv4/conf")
                         if d not in ("all", "default"))
    for device in devices:
        commands[f"filter {device}"] = ["tc", "filter", "show", "dev", device]
        commands[f"ingress {device}"] = ["tc", "filter", "show", "dev", device, "ingress"]
        commands[f"egress {device}"] = ["tc", "filter", "show", "dev", device, "egress"]
    return {name: _lines(ns.run(*argv, check=False).stdout) for name, argv in commands.items()}


def _lines(text):
    # The kernel's own order of neighbours and routes is no promise.
    return sorted(_VOLATILE.sub("", line).strip() for line in text.split("\n") if line.strip())


def managed_neighbours(ns):
    """Addresses whose neighbour entry is not what the kernel learnt by itself."""
    found = []
    for version in ("-4", "-6"):
        shown = ns.run("ip", "-d", version, "neigh").stdout
        found += [line.split()[0] for line in shown.split("\n")
                  if "managed" in line or "extern_learn" in line or "proto" in line
                  and "proto kernel" not in line]
    return found


def bpf_ids(kind):
    """Ids of all programs, maps or links of the kernel: kind is "prog", "map" or "link"."""
    text = subprocess.run(["bpftool", "-j", kind, "list"], capture_output=True, text=True,
                          check=True).stdout
    return {item["id"] for item in json.loads(text or "[]")}


def bpf_all():
    return {kind: bpf_ids(kind) for kind in ("prog", "map", "link")}


def tree(directory):
    """Every path below a directory."""
    return sorted(os.path.join(d, name) for d, dirs, files in os.walk(directory)
                  for name in dirs + files)
