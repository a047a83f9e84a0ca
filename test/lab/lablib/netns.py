# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces: made, entered, and removed with everything that runs in them.

`ip netns exec` is not used, since it remounts /sys and so hides any bpffs below it. Programs are
started by nsenter; Python threads enter a namespace by setns(2), which is per thread.
"""

import contextlib
import ctypes
import os
import signal
import subprocess

CLONE_NEWNET = 0x40000000
NETNS_DIR = "/run/netns"

_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        err = ctypes.get_errno()
        raise OSError(err, f"setns: {os.strerror(err)}")


class CommandError(RuntimeError):
    """A command failed; the message has its output."""


class Namespace:
    def __init__(self, name):
        self.name = name
        self.path = f"{NETNS_DIR}/{name}"

    def create(self):
        check_call(["ip", "netns", "add", self.name])
        self.ip("link set lo up")
        # Nothing may depend on the defaults that the host happens to have.
        for family in ("all", "default"):
            self.sysctl(f"net.ipv4.conf.{family}.rp_filter", 0)
            self.sysctl(f"net.ipv4.conf.{family}.send_redirects", 0)
            self.sysctl(f"net.ipv4.conf.{family}.accept_redirects", 0)
            self.sysctl(f"net.ipv6.conf.{family}.accept_redirects", 0)
            self.sysctl(f"net.ipv6.conf.{family}.accept_ra", 0)
            self.sysctl(f"net.ipv6.conf.{family}.accept_dad", 0)
            self.sysctl(f"net.ipv6.conf.{family}.disable_ipv6", 0)
        return self

    def exists(self):
        return os.path.exists(self.path)

    @contextlib.contextmanager
    def enter(self):
        """The calling thread is in this namespace within the block: sockets, /proc/sys/net."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.enter_for_good()
            try:
                yield self
            finally:
                _setns(home)
        finally:
            os.close(home)

    def enter_for_good(self):
        """For a thread that stays here till its end."""
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(fd)
        finally:
            os.close(fd)

    def command(self, argv):
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, *argv, check=True, timeout=60, input=None, env=None):
        """Runs a program here; returns a CompletedProcess with text output."""
        result = subprocess.run(self.command(list(argv)), capture_output=True, text=True,
                                timeout=timeout, input=input, env=env, check=False)
        if check and result.returncode != 0:
            raise CommandError(f"{' '.join(argv)} in {self.name}: exit {result.returncode}\n"
                               f"{result.stdout}{result.stderr}")
        return result

    def ip(self, *lines):
        """ip(8) commands, a line each, in one process."""
        batch(["ip", "-n", self.name], lines)

    def sysctl(self, key, value):
        path = "/proc/sys/" + key.replace(".", "/")
        with self.enter(), open(path, "w", encoding="ascii") as f:
            f.write(str(value))

    def pids(self):
        result = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True,
                                check=False)
        return [int(p) for p in result.stdout.split()]

    def delete(self):
        """Kills what runs here and removes the namespace; never fails."""
        for pid in self.pids():
            if pid == os.getpid():
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


def check_call(argv, input=None):
    result = subprocess.run(argv, capture_output=True, text=True, input=input, check=False)
    if result.returncode != 0:
        raise CommandError(f"{' '.join(argv)}: exit {result.returncode}\n"
                           f"{input or ''}{result.stdout}{result.stderr}")
    return result.stdout


def batch(ip, lines):
    check_call([*ip, "-batch", "-"], input="\n".join(lines) + "\n")


def leftovers(prefix):
    """Names of the namespaces that start with `prefix`."""
    try:
        return sorted(n for n in os.listdir(NETNS_DIR) if n.startswith(prefix))
    except FileNotFoundError:
        return []
