# SPDX-License-Identifier: GPL-2.0-only
"""A long-running program of a lab: its log, its end, and its death with the test run."""

import os
import signal
import subprocess

from .wait import Hopeless, wait_until


class Process:
    def __init__(self, name, argv, log_path, ns=None, env=None, lasting=False, cwd="/"):
        """Starts argv in the namespace `ns`; output goes to `log_path`, appended.

        Unless `lasting`, the kernel kills it when the process that started it is gone, however
        that came about.
        """
        self.name = name
        self.log_path = log_path
        command = ns.command(argv) if ns else list(argv)
        if not lasting:
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with open(log_path, "ab") as log:
            self._log_start = log.tell()
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True,
                                          env={**os.environ, **(env or {})}, cwd=cwd)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def returncode(self):
        return self.popen.poll()

    def running(self):
        return self.popen.poll() is None

    def log(self):
        """What this start of the program wrote."""
        with open(self.log_path, "rb") as f:
            f.seek(self._log_start)
            return f.read().decode("utf-8", "replace")

    def signal(self, signum):
        self.popen.send_signal(signum)

    def wait_log(self, text, timeout=10):
        def there():
            if text in self.log():
                return True
            if not self.running():
                raise Hopeless(f"it ended with exit code {self.returncode}")
            return False
        return wait_until(there, timeout,
                          lambda: f"'{text}' in the log of {self.name}, which says:\n{self.log()}")

    def wait(self, timeout=10):
        """Waits for its end; the exit code (negative: a signal)."""
        return self.popen.wait(timeout)

    def stop(self, timeout=5):
        """SIGTERM, and SIGKILL where that does not help; the exit code."""
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.returncode

    def kill(self):
        if self.running():
            self.popen.send_signal(signal.SIGKILL)
            self.popen.wait()
