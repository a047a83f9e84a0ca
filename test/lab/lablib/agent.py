# SPDX-License-Identifier: GPL-2.0-only
"""lb-agent in the box's namespace, and lbctl towards it."""

import contextlib
import json
import os
import signal
import socket
import subprocess

from . import config, paths
from .wait import Hopeless, wait_until


class CtlError(AssertionError):
    """lbctl failed; `result` has its exit code and output."""

    def __init__(self, result):
        super().__init__(f"lbctl {' '.join(result.args[1:])}: exit {result.returncode}\n"
                         f"{result.stdout}{result.stderr}")
        self.result = result


class Agent:
    def __init__(self, lab, doc=None, name="agent"):
        self.lab = lab
        self.name = name
        self.config = os.path.join(lab.dir, f"{name}.yaml")
        self.socket = os.path.join(lab.dir, f"{name}.sock")
        self.pins = os.path.join(lab.bpffs, "sluice")
        self.state_dir = os.path.join(lab.dir, f"{name}-state")
        self.process = None
        os.makedirs(self.state_dir, exist_ok=True)
        if doc is not None:
            self.write(doc)

    def write(self, doc):
        """Replaces the config file: an object of config.py, or the text itself."""
        text = doc if isinstance(doc, str) else config.dump(doc)
        with open(self.config + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(self.config + ".new", self.config)

    # The process

    def argv(self, *more):
        return [paths.binary("lb-agent"), "--config", self.config, "--socket", self.socket,
                "--bpffs", self.pins, "--state-dir", self.state_dir, *more]

    def start(self, timeout=10, wait_usable=True):
        """Starts it and waits for its readiness notification (sd_notify(3))."""
        self.start_only()
        try:
            self._wait_ready(timeout)
            if wait_usable:
                self.wait_usable()
        finally:
            self._notify.close()
        return self

    def start_only(self):
        """Starts it and returns at once; for what is expected to fail."""
        path = os.path.join(self.lab.dir, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(path)
        self._notify.setblocking(False)
        self.process = self.lab.start(self.name, self.argv("--log-level", "debug"), self.lab.box,
                                      {**self.lab.bpf_env(), "NOTIFY_SOCKET": path})
        return self.process

    def _wait_ready(self, timeout):
        def ready():
            with contextlib.suppress(BlockingIOError):
                if "READY=1" in self._notify.recv(4096).decode().split("\n"):
                    return True
            if not self.process.running():
                raise Hopeless(f"it ended with exit code {self.process.returncode}")
            return False
        wait_until(ready, timeout, lambda: f"READY=1 from lb-agent, which says:\n"
                                           f"{self.process.log()}", interval=0.005)

    def assert_running(self):
        if not self.process.running():
            raise Hopeless(f"lb-agent is dead (exit code {self.process.returncode})")

    def kill9(self):
        self.process.kill()

    def stop(self):
        """SIGTERM: the data plane stays. Returns the exit code."""
        return self.process.stop()

    def sighup(self):
        self.process.signal(signal.SIGHUP)

    def teardown(self, check=True):
        argv = [paths.binary("lb-agent"), "--teardown", "--bpffs", self.pins, "--state-dir",
                self.state_dir]
        return self.lab.box.run(*argv, check=check, env={**os.environ, **self.lab.bpf_env()})

    def log(self):
        return self.process.log()

    # lbctl

    def lbctl(self, *argv, check=True, timeout=20):
        """Runs lbctl; a CompletedProcess with text output."""
        result = subprocess.run([paths.binary("lbctl"), "--socket", self.socket, *argv],
                                capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise CtlError(result)
        return result

    def ctl(self, *argv):
        """Runs lbctl --json; what it printed, parsed."""
        return json.loads(self.lbctl("--json", *argv).stdout)

    def status(self):
        return self.ctl("status")

    def vip(self, name):
        return next(v for v in self.ctl("vips") if v["name"] == name)

    def backends(self, pool=None):
        """{address: backend}, of one pool or of all."""
        return {b["address"]: b for b in self.ctl("backends")
                if pool is None or b["pool"] == pool}

    def backend(self, pool, address):
        return self.backends(pool)[address]

    def counters(self):
        """{reason: packets}"""
        return {r["name"]: r["packets"] for r in self.ctl("counters")["reasons"]}

    def wait_usable(self, n=None, timeout=10):
        """Until n backends (all, where None) are in use."""
        def usable():
            self.assert_running()
            status = self.status()
            return status["backends_usable"] == (status["backends"] if n is None else n)
        wait_until(usable, timeout, lambda: f"usable backends; lbctl backends says:\n"
                                            f"{self.lbctl('backends', check=False).stdout}")

    def wait_backend(self, pool, address, timeout=10, **expected):
        """Until a backend's fields have these values; returns the backend."""
        def there():
            b = self.backend(pool, address)
            return b if all(b[k] == v for k, v in expected.items()) else None
        return wait_until(there, timeout, lambda: f"{expected} of {address} in {pool}, which is "
                                                  f"{self.backend(pool, address)}")

    def reload(self, doc=None):
        """Writes the config, if given, and reloads by lbctl; the applied plan."""
        if doc is not None:
            self.write(doc)
        return self.ctl("reload")["changes"]

    def reload_by_sighup(self, doc=None, timeout=10):
        """The same by SIGHUP; waits until status reports it. Returns status' last_reload."""
        if doc is not None:
            self.write(doc)
        before = self.status()["last_reload"]
        self.sighup()

        def done():
            last = self.status()["last_reload"]
            return last if last != before else None
        return wait_until(done, timeout, "a reload after SIGHUP")

    def plan(self, doc):
        path = self.config + ".plan"
        with open(path, "w", encoding="utf-8") as f:
            f.write(doc if isinstance(doc, str) else config.dump(doc))
        return self.ctl("plan", path)
