# SPDX-License-Identifier: GPL-2.0-only
"""A whole site: a lab with servers, decapsulation and a running agent, in one call."""

from . import config
from .agent import Agent
from .backend import data_sha256
from .client import Client
from .lab import Lab

UDP_PORT = 5353


class Site:
    def __init__(self, doc, arms=1, backends=3, keep=False, data_bytes=8 << 20):
        self.doc = doc
        self.lab = Lab(config.addresses(doc), backends=backends, arms=arms, keep=keep,
                       data_bytes=data_bytes)
        self.client = Client(self.lab.client)
        self.agent = None

    def up(self, agent=True):
        """Brings everything up. agent=False: all but the agent's start."""
        self.lab.up()
        try:
            self.start_servers()
            self.agent = Agent(self.lab, self.doc)
            if agent:
                self.agent.start()
        except BaseException as e:
            if hasattr(e, "add_note"):
                e.add_note(self.lab.logs())
            self.lab.down()
            raise
        return self

    def start_servers(self):
        tunnelled = list(dict.fromkeys(v["address"] for v in self.doc["vips"]
                                       if v["forward"] in ("ipip", "gue")))
        protocols = {v["protocol"] for v in self.doc["vips"]}
        for backend in self.lab.backends:
            backend.start_nginx()
            if tunnelled:
                backend.start_decap(tunnelled, self.doc["node"].get("gue", {}).get("port"))
        for backend in self.lab.backends:
            backend.wait_nginx()
            if tunnelled:
                backend.wait_decap()
            if "udp" in protocols:
                backend.start_udp_echo(sorted({v["address"] for v in self.doc["vips"]
                                               if v["protocol"] == "udp"}), UDP_PORT)

    @property
    def sha256(self):
        return data_sha256(self.lab)

    def down(self):
        # A clean end, for the sanitizers' sake: they report leaks at the exit.
        if self.agent and self.agent.process:
            self.agent.stop()
        self.lab.down()

    def __enter__(self):
        return self.up()

    def __exit__(self, *exc):
        self.down()
