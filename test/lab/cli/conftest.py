# SPDX-License-Identifier: GPL-2.0-only
"""lbctl as its user sees it: the built program, against an agent that says what a test wants said.

LBCTL and FAKE_AGENT name the programs; Meson sets them. Without Meson, those of build/ are used.
"""
import json
import os
import pathlib
import signal
import subprocess

import pytest

BUILD = pathlib.Path(__file__).parents[3] / "build"
LBCTL = os.environ.get("LBCTL", str(BUILD / "tools/lbctl/lbctl"))
FAKE_AGENT = os.environ.get("FAKE_AGENT", str(BUILD / "test/lab/cli/fake_agent"))


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    env["TERM"] = "xterm"
    env.update(more)
    return env


def run(*args, env=None, **more):
    """Runs lbctl without a socket option."""
    return subprocess.run([LBCTL, *map(str, args)], capture_output=True, text=True, timeout=60,
                          env=env or environment(), **more)


class Agent:
    """A fake agent and the answers that it gives."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "agent.sock"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([FAKE_AGENT, self.socket, self.directory], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def stop(self):
        """Ends it and returns its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        log = self.process.communicate(timeout=20)[1]
        assert self.process.returncode == 0, log
        return log

    def answers(self, command, data):
        """By a rename: the agent may be reading the answer before."""
        new = self.directory / "new"
        new.write_text(json.dumps(data))
        new.rename(self.directory / f"{command}.json")

    def refuses(self, command, error, diagnostics=None):
        (self.directory / f"{command}.json").unlink(missing_ok=True)
        (self.directory / f"{command}.error").write_text(error)
        if diagnostics:
            (self.directory / f"{command}.diagnostics").write_text(diagnostics)

    def requests(self):
        path = self.directory / "requests"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def lbctl(self, *args, **more):
        return run("--socket", self.socket, *args, **more)


@pytest.fixture
def agent(tmp_path):
    fake = Agent(tmp_path)
    fake.start()
    yield fake
    fake.stop()
