#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What tools/demo shows: an operator's first quarter of an hour with Sluice, in a few seconds.

Every step says what is done, shows what an operator would see, and checks it. Exit 0 only if every
check was true.
"""

import argparse
import collections
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../test/lab"))

import yaml  # noqa: E402

from lablib import paths  # noqa: E402
from lablib.client import Download, RequestStream, Tally, assert_shares  # noqa: E402
from lablib.lab import sweep  # noqa: E402
from lablib.site import Site  # noqa: E402
from lablib.wait import wait_until  # noqa: E402

CONFIG = os.path.join(paths.CONFIGS, "demo.yaml")
REMOVED, FAILED = 1, 2  # which backend is removed by a reload, whose nginx is stopped
PORTS = range(31000, 31060)  # away from those of the long downloads


class Untrue(Exception):
    """A check failed."""


class Screen:
    def __init__(self, colour):
        self.colour = colour
        self.started = time.monotonic()
        self.checks = 0
        self.failures = []

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def step(self, title):
        seconds = time.monotonic() - self.started
        print(f"\n{self.paint('1', '── ' + title)} {self.paint('2', f'{seconds:.1f} s')}",
              flush=True)

    def show(self, text, prefix="   "):
        for line in text.rstrip("\n").split("\n"):
            print(f"{prefix}{line}".rstrip(), flush=True)

    def check(self, what, true, detail=""):
        """Records a check and shows it."""
        self.checks += 1
        mark = self.paint("32", "✓") if true else self.paint("31", "✗")
        print(f" {mark} {what}{'' if true or not detail else ': ' + detail}", flush=True)
        if not true:
            self.failures.append(what)

    def must(self, what, fn):
        """A check by something that raises where it is not so; what else follows needs it."""
        try:
            result = fn()
        except Exception as e:
            self.check(what, False, str(e).split("\n", 1)[0])
            raise Untrue(str(e)) from e
        self.check(what, True)
        return result


class Demo:
    def __init__(self, screen, keep):
        with open(CONFIG, encoding="utf-8") as f:
            self.text = f.read()
        self.screen = screen
        self.keep = keep
        self.doc = yaml.safe_load(self.text)
        self.vips = {v["name"]: v["address"] for v in self.doc["vips"]}
        self.pools = {v["name"]: v["pool"] for v in self.doc["vips"]}
        self.site = Site(self.doc, keep=keep)
        self.names = [b.name for b in self.site.lab.backends]

    def run(self):
        self.show_config()
        self.bring_up()
        self.serve()
        self.remove_backend()
        self.fail_backend()
        self.kill_agent()
        self.show_counters()
        if not self.keep:
            self.tear_down()

    def lbctl(self, *argv):
        self.screen.show("$ lbctl " + " ".join(argv))
        self.screen.show(self.site.agent.lbctl(*argv).stdout, prefix="     ")

    def show_config(self):
        self.screen.step("The config: configs/demo.yaml")
        lines = [line for line in self.text.split("\n") if not line.startswith("#")]
        self.screen.show("\n".join(lines).strip())

    def bring_up(self):
        screen, site = self.screen, self.site
        screen.step("The lab: client ── router ── box (lb0) and three backends with nginx")
        screen.must("namespaces, nginx and lb-decap are up", lambda: site.up(agent=False))
        site.agent.write(self.text)
        start = time.monotonic()
        screen.must("lb-agent is ready", lambda: site.agent.start(wait_usable=False))
        took = (time.monotonic() - start) * 1000
        screen.must("every backend is resolved, healthy and in use", self.wait_healthy)
        status = site.agent.status()
        interface = status["interfaces"][0]
        screen.check(f"XDP is attached to lb0 ({interface['mode']}), {took:.0f} ms after the start",
                     interface["attached"])
        self.lbctl("backends")

    def wait_healthy(self):
        agent = self.site.agent
        agent.wait_usable()
        wait_until(lambda: all(b["health"] == "up" for b in agent.ctl("backends")), 10,
                   "the health checks")
        return True

    def ports_that_stay(self):
        """Source ports, per VIP, whose backend is the same with and without the one removed.

        A smaller Maglev table moves few slots of the backends that stay, not none; a rehearsal
        tells which, so that the downloads below run on flows that have no reason to move.
        """
        agent, client = self.site.agent, self.site.client
        before = {n: client.mapping(a, PORTS) for n, a in self.vips.items()}
        agent.reload(self.without_removed())
        after = {n: client.mapping(a, PORTS) for n, a in self.vips.items()}
        agent.reload(self.text)
        self.wait_healthy()
        return {n: {p: before[n][p] for p in PORTS if before[n][p] == after[n][p]}
                for n in self.vips}

    def addresses(self, index):
        backend = self.site.lab.backends[index]
        return backend.v4, backend.v6

    def without_removed(self):
        lines = self.text.split("\n")
        gone = [re.compile(rf"""address: ["']?{re.escape(a)}["']?\s*[,}}]""")
                for a in self.addresses(REMOVED)]
        return "\n".join(line for line in lines if not any(g.search(line) for g in gone))

    def table(self, tallies):
        """Requests served per VIP and backend."""
        rows = [("VIP", "", "mode", *self.names, "failed")]
        for vip in self.doc["vips"]:
            t = tallies[vip["name"]]
            rows.append((vip["name"], vip["address"], vip["forward"],
                         *(str(t.counts.get(n, 0)) for n in self.names), str(len(t.errors))))
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        for row in rows:
            cells = [c.ljust(w) if i < 3 else c.rjust(w)
                     for i, (c, w) in enumerate(zip(row, widths))]
            self.screen.show("  ".join(cells))

    def request(self, n, first_port):
        return {name: self.site.client.get_many(address, n, first_port=first_port)
                for name, address in self.vips.items()}

    def check_served(self, what, tallies, by):
        def check():
            for tally in tallies.values():
                tally.assert_clean()
                assert_shares(tally.counts, {n: int(n in by) for n in self.names})
        try:
            check()
        except AssertionError as e:
            self.screen.check(what, False, str(e))
            return
        self.screen.check(what, True)

    def serve(self):
        self.screen.step("300 HTTP requests through each VIP")
        tallies = self.request(300, 20000)
        self.table(tallies)
        self.check_served("every request was served, by all three backends alike", tallies,
                          self.names)
        self.lbctl("vips")

    def remove_backend(self):
        screen, site = self.screen, self.site
        name = self.names[REMOVED]
        screen.step(f"{name} is removed by a reload, while downloads and requests run")
        self.stay = self.ports_that_stay()
        others = [n for n in self.names if n != name]
        downloads = []
        for vip, address in self.vips.items():
            for other in others:
                port = next(p for p, b in self.stay[vip].items() if b == other)
                downloads.append(Download(site.lab.client, address, rate=5 << 20,
                                          source_port=port))
        streams = {vip: RequestStream(site.lab.client, address,
                                      ports=[p for p, b in self.stay[vip].items()
                                             if b in others][4:])
                   for vip, address in self.vips.items()}
        running = collections.Counter(d.wait_started() for d in downloads)
        screen.show("downloads running: " + ", ".join(f"{n} through {b}"
                                                      for b, n in sorted(running.items())))
        site.agent.write(self.without_removed())
        self.lbctl("plan", site.agent.config)
        start = time.monotonic()
        screen.must(f"reloaded without {name}", site.agent.reload)
        took = (time.monotonic() - start) * 1000
        screen.check(f"all {len(downloads)} downloads were running then ({took:.0f} ms)",
                     all(d.is_alive() for d in downloads))
        tallies = self.request(300, 22000)
        for download in downloads:
            screen_check_download(screen, download, site.sha256)
        self.table(tallies)
        self.check_served(f"every new connection was served, none by {name}", tallies, others)
        total = Tally()
        for stream in streams.values():
            result = stream.stop()
            total.errors += result.errors
            total.counts += result.counts
        screen.check(f"{total.total} requests of the other backends' clients ran all the while, "
                     "none failed", total.total > 0 and not total.errors, str(total.errors[:2]))
        screen.must(f"{name} is back by another reload", lambda: self.back(self.text))

    def back(self, text):
        self.site.agent.reload(text)
        return self.wait_healthy()

    def fail_backend(self):
        screen, site = self.screen, self.site
        backend = site.lab.backends[FAILED]
        others = [n for n in self.names if n != backend.name]
        screen.step(f"nginx on {backend.name} dies")
        before = {n: site.client.mapping(a, [p for p, b in self.stay[n].items() if b in others])
                  for n, a in self.vips.items()}
        backend.stop_nginx()
        start = time.monotonic()
        pools = dict(zip(("4", "6"), self.addresses(FAILED)))

        def down():
            for pool in dict.fromkeys(self.pools.values()):
                address = pools["6" if pools["6"] in site.agent.backends(pool) else "4"]
                site.agent.wait_backend(pool, address, health="down", usable=False)
            return True
        screen.must("its health checks notice", down)
        screen.show(f"noticed after {time.monotonic() - start:.1f} s (three failed probes)")
        self.lbctl("backends", next(iter(self.pools.values())))
        tallies = self.request(300, 24000)
        self.table(tallies)
        self.check_served("every request is served by the other two", tallies, others)
        after = {n: site.client.mapping(a, list(before[n])) for n, a in self.vips.items()}
        screen.check("not one flow of the other two moved", before == after)
        backend.start_nginx()
        screen.must(f"nginx on {backend.name} is back, and so is the backend", self.wait_healthy)

    def kill_agent(self):
        screen, site = self.screen, self.site
        screen.step("lb-agent is killed (kill -9) under load, and started again")
        streams = [RequestStream(site.lab.client, a, first_port=34000) for a in self.vips.values()]
        for stream in streams:
            stream.wait_progress(30)
        site.agent.kill9()
        for stream in streams:
            stream.wait_progress(60)
        screen.must("the next agent is ready", site.agent.start)
        screen.check("it adopted the data plane that it found", site.agent.status()["adopted"])
        for stream in streams:
            stream.wait_progress(30)
        total, errors, slow = 0, [], []
        for stream in streams:
            tally = stream.stop()
            total += tally.total
            errors += tally.errors
            slow += tally.slow
        screen.check(f"{total} requests meanwhile, none failed, no packet lost",
                     not errors and not slow, str((errors + slow)[:2]))

    def show_counters(self):
        self.screen.step("What became of every packet")
        self.lbctl("counters")
        self.lbctl("status")
        forwarded = self.site.agent.counters()["forwarded"]
        total = sum(v["packets"] for v in self.site.agent.ctl("vips"))
        self.screen.check(f"the VIPs' {total} packets are what was forwarded",
                          total == forwarded > 0, f"forwarded: {forwarded}")

    def tear_down(self):
        screen, site = self.screen, self.site
        screen.step("lb-agent --teardown")
        site.agent.stop()
        screen.must("everything that Sluice put into the kernel is removed", site.agent.teardown)
        screen.check("lb0 has no XDP program",
                     "xdp" not in site.lab.box.run("ip", "link", "show", "lb0").stdout)
        screen.check("nothing is pinned", not os.path.exists(site.agent.pins))


def screen_check_download(screen, download, sha256):
    backend = download.headers["x-backend"]
    try:
        download.assert_intact(sha256)
    except AssertionError as e:
        screen.check(f"download of {download.address} through {backend}", False, str(e))
        return
    screen.check(f"download from {download.address} through {backend}: "
                 f"{download.received >> 20} MiB, checksum right", True)


def how_to_play(demo):
    lab, agent = demo.site.lab, demo.site.agent
    agent.write(demo.text)
    lbctl = f"'{paths.binary('lbctl')}' --socket {agent.socket}"
    vip = next(iter(demo.vips.values()))
    print(f"""
The lab is left up. Try, as root:

  # a client's request
  nsenter --net={lab.client.path} curl -si http://{vip}/
  # the operator's view; also: vips, backends, counters, --help
  {lbctl} status
  {lbctl} drain web4 10.77.1.12
  # change the config, see what that would do, do it
  $EDITOR {agent.config}
  {lbctl} plan {agent.config}
  {lbctl} reload
  # the box from inside; what every program said
  nsenter --net={lab.box.path} ip -d link show lb0
  tail {lab.dir}/*.log

Remove it: tools/demo --clean""")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--no-color", action="store_true")
    args = parser.parse_args()
    if args.clean:
        removed = sweep(everything=True)
        print(f"removed {len(removed)} namespaces and directories" if removed
              else "nothing to remove")
        return 0
    # A background job of a script has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    screen = Screen(sys.stdout.isatty() and not args.no_color and not os.environ.get("NO_COLOR"))
    demo = Demo(screen, args.keep)
    try:
        demo.run()
    except Untrue:
        screen.show("\n" + demo.site.lab.logs(20))
    except BaseException:
        demo.site.lab.down()
        raise
    seconds = time.monotonic() - screen.started
    ok = not screen.failures
    if args.keep and demo.site.agent and demo.site.agent.process and \
            demo.site.agent.process.running():
        how_to_play(demo)
        demo.site.lab.forget()
    else:
        demo.site.lab.down()
    verdict = "all true" if ok else f"{len(screen.failures)} NOT true: " \
        + "; ".join(screen.failures)
    print("\n" + screen.paint("1;32" if ok else "1;31",
                              f"{screen.checks} checks in {seconds:.1f} s, {verdict}"))
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted; the lab is removed", file=sys.stderr)
        sys.exit(130)
