# SPDX-License-Identifier: GPL-2.0-only
"""A lab: namespaces for a client, a router, the box and its backends, on two networks.

    client                  router                                  backends
   ┌─────────┐    ┌──────────────────────────┐    ┌──────────────────────────────────────┐
   │ eth0    │    │ cli                  br0 ├────┤ eth0  10.77.1.11, fd77:1::11   be1   │
   │ 10.77.0.│────┤ 10.77.0.1    10.77.1.1   ├────┤ eth0  10.77.1.12, fd77:1::12   be2   │
   │ 2/24    │    │ fd77::1      fd77:1::1   ├────┤ eth0  10.77.1.13, fd77:1::13   be3   │
   │ fd77::2 │    │              (arms=2:    │    │ the VIPs on lo, ARP silent           │
   └─────────┘    │               wan)       │    └──────────────────────────────────────┘
                  └──────┬──────────┬────────┘
                       (wan)      (br0)
                     ┌───┴──────────┴───┐     arms=1: lb0 alone, on br0: frames leave by the
                     │  lb0        lb1  │             interface they came in on (XDP_TX)
                     │        box       │     arms=2: lb0 on its own link, where the VIPs are
                     └──────────────────┘             routed to; lb1 on br0 (XDP redirect)

The router sends the VIPs' prefixes to the box; the backends' default route is the router, so that
replies go straight back to the client and never through the box (direct server return). The
segment of the backends has an MTU of 1600, the client's network 1500, so that encapsulation fits.

Two habits of veth matter: checksums must be complete when a frame enters an XDP program, so
transmit checksum offload is off on every end; and a frame that XDP_TX or a redirect sends into a
veth is dropped unless the receiving end takes XDP frames, so an empty XDP program sits there. (GRO
on the receiving end enables it too, but was seen to lose frames.)
"""

import atexit
import contextlib
import ipaddress
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile

from . import bpf, netns
from .backend import Backend
from .netns import Namespace
from .process import Process

PREFIX = "sluice"
VIP_PREFIXES = ("192.0.2.0/24", "2001:db8:80::/64")
CLIENT_V4, CLIENT_V6 = "10.77.0.2", "fd77::2"
ROUTER_V4, ROUTER_V6 = "10.77.1.1", "fd77:1::1"
BOX_V4, BOX_V6 = "10.77.1.2", "fd77:1::2"
SEGMENT_MTU, CLIENT_MTU = 1600, 1500

_live = []  # every lab of this process that is up


class Lab:
    def __init__(self, vips, backends=3, arms=1, keep=False, data_bytes=8 << 20):
        """vips: the addresses that the backends hold. keep: it outlives this process."""
        self.vips = list(dict.fromkeys(vips))
        self.arms = arms
        self.keep = keep
        owner = "keep" if keep else str(os.getpid())
        self.tag = f"{PREFIX}-{owner}-{secrets.token_hex(2)}"
        self.dir = tempfile.mkdtemp(prefix=f"{self.tag}-", dir="/tmp")
        self.bpffs = os.path.join(self.dir, "bpf")
        self.processes = []
        self.client = self._namespace("cli")
        self.router = self._namespace("rtr")
        self.box = self._namespace("box")
        self.backends = [Backend(self, f"be{i + 1}", f"10.77.1.{11 + i}", f"fd77:1::{11 + i}")
                         for i in range(backends)]
        self.data_bytes = data_bytes

    def _namespace(self, role):
        return Namespace(f"{self.tag}-{role}")

    @property
    def namespaces(self):
        return [self.client, self.router, self.box, *(b.ns for b in self.backends)]

    def backend(self, name):
        return next(b for b in self.backends if b.name == name)

    # Set-up

    def up(self):
        _install_guards()
        _live.append(self)
        try:
            os.mkdir(self.bpffs)
            netns.check_call(["mount", "-t", "bpf", "bpf", self.bpffs])
            for ns in self.namespaces:
                ns.create()
            self._wire()
            for backend in self.backends:
                backend.configure()
        except BaseException:
            self.down()
            raise
        return self

    def _wire(self):
        links = [(self.client, "eth0", "cli", CLIENT_MTU)]
        if self.arms == 1:
            links.append((self.box, "lb0", "box", SEGMENT_MTU))
        else:
            links.append((self.box, "lb0", "wan", SEGMENT_MTU))
            links.append((self.box, "lb1", "box", SEGMENT_MTU))
        links += [(b.ns, "eth0", b.name, SEGMENT_MTU) for b in self.backends]
        netns.batch(["ip"], [
            f"link add {dev} netns {ns.name} mtu {mtu} type veth "
            f"peer name {port} netns {self.router.name} mtu {mtu}"
            for ns, dev, port, mtu in links])
        for ns in self.namespaces:
            devices = [dev for n, dev, _, _ in links if n is ns]
            if ns is self.router:
                devices = [port for _, _, port, _ in links]
            ns.run("sh", "-c", " && ".join(
                f"ethtool -K {d} tx off >/dev/null" for d in devices))
        self._wire_router([port for _, _, port, _ in links])
        self._receive_xdp_frames(port for ns, _, port, _ in links if ns is self.box)
        self._wire_box()
        self.client.ip("link set eth0 up",
                       f"addr add {CLIENT_V4}/24 dev eth0",
                       f"addr add {CLIENT_V6}/64 dev eth0 nodad",
                       "route add default via 10.77.0.1", "route add ::/0 via fd77::1")

    def _wire_router(self, ports):
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        segment = [p for p in ports if p not in ("cli", "wan")]
        self.router.ip(f"link add br0 mtu {SEGMENT_MTU} type bridge stp_state 0 forward_delay 0",
                       *(f"link set {p} master br0" for p in segment),
                       *(f"link set {p} up" for p in ports), "link set br0 up",
                       "addr add 10.77.0.1/24 dev cli", "addr add fd77::1/64 dev cli nodad",
                       f"addr add {ROUTER_V4}/24 dev br0", f"addr add {ROUTER_V6}/64 dev br0 nodad")
        via4, via6 = BOX_V4, BOX_V6
        if self.arms == 2:
            self.router.ip("addr add 10.77.2.1/24 dev wan", "addr add fd77:2::1/64 dev wan nodad")
            via4, via6 = "10.77.2.2", "fd77:2::2"
        for prefix in VIP_PREFIXES:
            six = ":" in prefix
            self.router.ip(f"route add {prefix} via {via6 if six else via4}")

    def _receive_xdp_frames(self, ports):
        pin = os.path.join(self.bpffs, "lab_pass")
        bpf.pin_xdp(pin)
        for port in ports:
            self.router.run("bpftool", "net", "attach", "xdpdrv", "pinned", pin, "dev", port)

    def _wire_box(self):
        segment = "lb0"
        if self.arms == 2:
            segment = "lb1"
            self.box.ip("link set lb0 up", "addr add 10.77.2.2/24 dev lb0",
                        "addr add fd77:2::2/64 dev lb0 nodad")
        self.box.ip(f"link set {segment} up", f"addr add {BOX_V4}/24 dev {segment}",
                    f"addr add {BOX_V6}/64 dev {segment} nodad",
                    f"route add default via {ROUTER_V4}", f"route add ::/0 via {ROUTER_V6}")

    # Programs

    def start(self, name, argv, ns=None, env=None):
        """Starts a program of this lab, logging to <name>.log in its directory."""
        process = Process(name, argv, os.path.join(self.dir, name + ".log"), ns, env,
                          lasting=self.keep)
        self.processes.append(process)
        return process

    def bpf_env(self):
        """Environment of programs that use BPF: libxdp pins into this lab's bpffs."""
        return {"LIBXDP_BPFFS": self.bpffs}

    def logs(self, lines=60):
        """The ends of all logs, as text, for a failure's report."""
        parts = []
        if not os.path.isdir(self.dir):  # the lab never came up, and is removed again
            return ""
        for entry in sorted(os.listdir(self.dir)):
            path = os.path.join(self.dir, entry)
            if entry.endswith(".log") and os.path.getsize(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    tail = f.readlines()[-lines:]
                parts.append(f"--- {entry}\n{''.join(tail)}")
        return "\n".join(parts)

    def save_logs(self, directory):
        os.makedirs(directory, exist_ok=True)
        for entry in os.listdir(self.dir):
            if entry.endswith((".log", ".yaml")):
                shutil.copy(os.path.join(self.dir, entry), directory)

    # Tear-down

    def down(self):
        """Removes everything; may be called more than once."""
        for process in reversed(self.processes):
            process.kill()
        self.processes.clear()
        for ns in self.namespaces:
            if ns.exists():
                ns.delete()
        _remove_dir(self.dir)
        if self in _live:
            _live.remove(self)

    def forget(self):
        """Leaves the lab up when this process ends (for --keep)."""
        _live.remove(self)

    def __enter__(self):
        return self.up()

    def __exit__(self, *exc):
        self.down()


def family(address):
    return ipaddress.ip_address(address).version


# What makes sure that nothing stays behind.

def _remove_dir(path):
    with contextlib.suppress(OSError):
        for mount in _mounts_below(path):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
    shutil.rmtree(path, ignore_errors=True)


def _mounts_below(path):
    with open("/proc/self/mounts", encoding="utf-8") as f:
        points = [line.split()[1] for line in f]
    return [p for p in reversed(points) if p.startswith(path + "/")]


def _remove_all():
    for lab in list(_live):
        lab.down()


def _on_signal(signum, _frame):
    signal.signal(signum, signal.SIG_DFL)
    _remove_all()
    os.kill(os.getpid(), signum)


_guarded = False


def _install_guards():
    global _guarded  # once a process
    if _guarded:
        return
    _guarded = True
    atexit.register(_remove_all)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _on_signal)
    sweep()


def _is_stale(name):
    match = re.match(rf"{PREFIX}-(\d+)-[0-9a-f]+-", name)
    if not match:
        return False
    try:
        with open(f"/proc/{match[1]}/comm", encoding="ascii", errors="replace") as f:
            # A number that was given out anew is no lab's owner unless Python runs there.
            return not f.read().startswith(("python", "pytest"))
    except OSError:
        return True


def sweep(everything=False):
    """Removes what runs that were killed left behind; with `everything`, kept labs too."""
    removed = []
    for name in netns.leftovers(PREFIX + "-"):
        if _is_stale(name) or (everything and name.startswith(f"{PREFIX}-keep-")):
            Namespace(name).delete()
            removed.append(name)
    for entry in os.listdir("/tmp"):
        if _is_stale(entry) or (everything and entry.startswith(f"{PREFIX}-keep-")):
            _remove_dir(os.path.join("/tmp", entry))
            removed.append(entry)
    return removed
