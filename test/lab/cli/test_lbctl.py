# SPDX-License-Identifier: GPL-2.0-only
"""The command line: what each command prints, to whom, and with which exit status."""
import json
import os
import pty
import re
import socket
import subprocess
import threading
import unicodedata

import pytest

import samples as s
from conftest import LBCTL, environment, run

COMMANDS = ["status", "vips", "backends", "counters", "limits", "reload", "check", "plan", "drain",
            "undrain", "weight", "schema", "version", "help"]
NO_AGENT = "/nonexistent/agent.sock"


def columns(line):
    return sum(0 if unicodedata.combining(c) else 1 for c in line)


# Help and usage.

@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_usage(command):
    for args in ([command, "--help"], ["help", command], ["--help", command], [command, "-h"]):
        done = run(*args)
        assert done.returncode == 0
        assert done.stderr == ""
        assert done.stdout.startswith(f"Usage: lbctl {command}")
        assert len(done.stdout.splitlines()) >= 3
        assert max(map(columns, done.stdout.splitlines())) <= 100


def test_the_general_help_lists_every_command_and_nothing_hidden():
    done = run("--help")
    assert done.returncode == 0
    listed = re.findall(r"^  ([a-z]+) .*  ", done.stdout.split("Commands:")[1].split("Options:")[0],
                        re.M)
    assert listed == COMMANDS
    assert max(map(columns, done.stdout.splitlines())) <= 100


def test_no_command_is_a_usage_error_that_shows_the_help():
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Commands:" in done.stderr


@pytest.mark.parametrize("args, message", [
    (["statsu"], "did you mean 'status'?"),
    (["xyzzy"], "no command 'xyzzy'"),
    (["drain", "web"], "an argument is missing"),
    (["drain", "web", "10.0.0.1", "x"], "one argument too many: 'x'"),
    (["weight", "web", "10.0.0.1", "heavy"], "not a number from 0 to 65535"),
    (["weight", "web", "10.0.0.1", "65536"], "not a number from 0 to 65535"),
    (["counters", "--al"], "did you mean '--all'?"),
    (["counters", "--all=yes"], "--all takes no value"),
    (["counters", "--watch", "0"], "--watch takes seconds"),
    (["plan", "f", "--from"], "--from needs a value"),
    (["--socket"], "--socket needs a value"),
    (["vips", "--all"], "no option '--all' of vips"),
    (["help", "statsu"], "did you mean 'status'?"),
    (["schema", "--json", "--man"], "not both"),
    (["plan", "-", "--from", "-"], "only one of the two"),
])
def test_a_wrong_command_line_is_exit_2_with_a_line_that_says_why(args, message):
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr


def test_a_missing_argument_shows_the_usage_of_that_command():
    assert "Usage: lbctl weight POOL ADDRESS WEIGHT" in run("weight", "web").stderr


def test_the_version_is_a_command_and_an_option():
    done = run("version")
    assert re.fullmatch(r"lbctl \d+\.\d+\.\d+\n", done.stdout)
    assert run("--version").stdout == done.stdout
    assert done.stdout == f"lbctl {json.loads(run('--json', 'version').stdout)['version']}\n"


# Reaching the agent.

@pytest.mark.parametrize("args", [["status"], ["vips"], ["backends"], ["counters"], ["reload"],
                                  ["drain", "a", "10.0.0.1"], ["counters", "--watch"]])
def test_no_agent_is_exit_3_and_says_how_to_look(args):
    done = run("--socket", NO_AGENT, *args)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == (f"lbctl: lb-agent does not answer at {NO_AGENT}: is it running? "
                           "(systemctl status lb-agent)\n")


def test_a_dead_agents_socket_is_exit_3(tmp_path):
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    done = run("--socket", path, "status")
    assert done.returncode == 3
    assert "does not answer" in done.stderr


def test_an_agent_that_hangs_up_is_exit_3(tmp_path):
    path = tmp_path / "rude.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        thread = threading.Thread(target=lambda: sock.accept()[0].close())
        thread.start()
        done = run("--socket", path, "status")
        thread.join()
    assert done.returncode == 3
    assert "gave no answer to 'status'" in done.stderr


def test_something_else_on_the_socket_is_exit_3(tmp_path):
    path = tmp_path / "other.sock"

    def speak(sock):
        peer = sock.accept()[0]
        peer.recv(1000)
        peer.sendall(b"220 mail.example.com\n")
        peer.close()

    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        thread = threading.Thread(target=speak, args=(sock,))
        thread.start()
        done = run("--socket", path, "status")
        thread.join()
    assert done.returncode == 3
    assert "does not speak lb-agent's protocol" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_no_permission_names_root_and_the_group(agent):
    for part in list(agent.socket.parents)[:3]:
        os.chmod(part, 0o755)
    agent.answers("status", s.status())
    os.chown(agent.socket, 0, 4)
    done = subprocess.run([LBCTL, "--socket", agent.socket, "status"], capture_output=True,
                          text=True, user=65534, group=65534, extra_groups=[])
    assert done.returncode == 3
    assert "run lbctl as root or as a member of group adm" in done.stderr


def test_a_refusal_is_exit_1_with_the_agents_words(agent):
    agent.refuses("drain", "no pool 'wbe'; did you mean 'web'?")
    done = agent.lbctl("drain", "wbe", "10.0.1.11")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lbctl: no pool 'wbe'; did you mean 'web'?\n"


def test_a_failed_reload_prints_its_diagnostics(agent):
    agent.refuses("reload", "2 errors", "f.yaml:1:1: error: no\n")
    done = agent.lbctl("reload")
    assert done.returncode == 1
    assert done.stderr == "f.yaml:1:1: error: no\nlbctl: 2 errors\n"


def test_text_from_the_agent_cannot_command_the_terminal(agent):
    agent.refuses("vips", "a\033[2Jb")
    agent.answers("backends", [s.backend(why="x\033[2J", usable=False)])
    assert "\033" not in agent.lbctl("vips").stderr
    assert "\033" not in agent.lbctl("backends").stdout


# What is asked.

def test_commands_send_the_arguments_that_the_protocol_names(agent):
    for command in ("drain", "undrain", "weight"):
        agent.answers(command, s.backend())
    agent.answers("backends", [])
    agent.lbctl("drain", "web", "10.0.1.11")
    agent.lbctl("undrain", "web", "2001:db8::1")
    agent.lbctl("weight", "web", "10.0.1.11", "50")
    agent.lbctl("backends", "web")
    agent.lbctl("backends")
    assert agent.requests() == [
        {"command": "drain", "args": {"pool": "web", "address": "10.0.1.11"}},
        {"command": "undrain", "args": {"pool": "web", "address": "2001:db8::1"}},
        {"command": "weight", "args": {"pool": "web", "address": "10.0.1.11", "weight": 50}},
        {"command": "backends", "args": {"pool": "web"}},
        {"command": "backends", "args": {}},
    ]


def test_plan_sends_the_whole_file(agent, tmp_path):
    agent.answers("plan", s.plan())
    text = "version: 1\n# ünïcode\n" + "# padding\n" * 20000
    (tmp_path / "new.yaml").write_text(text)
    assert agent.lbctl("plan", tmp_path / "new.yaml").returncode == 0
    assert agent.lbctl("plan", "-", input="version: 2\n").returncode == 0
    assert agent.requests() == [
        {"command": "plan", "args": {"file": str(tmp_path / "new.yaml"), "text": text}},
        {"command": "plan", "args": {"file": "<stdin>", "text": "version: 2\n"}},
    ]


def test_the_agent_logs_who_changed_what(agent):
    agent.answers("drain", s.backend())
    agent.answers("status", s.status())
    agent.lbctl("drain", "web", "10.0.1.11")
    agent.lbctl("--json", "status")
    agent.refuses("weight", "no")
    agent.lbctl("weight", "we\nb", "10.0.1.11", 3)
    log = agent.stop()
    uid = os.getuid()
    assert re.search(rf"drain web/10\.0\.1\.11 by uid {uid} \(pid \d+\)$", log, re.M)
    assert re.search(rf"weight we\?b/10\.0\.1\.11 3 by uid {uid} \(pid \d+\) refused: no$", log,
                     re.M)


# What is printed.

@pytest.mark.parametrize("args", [["status"], ["vips"], ["backends"], ["backends", "web"],
                                  ["counters"], ["counters", "--all"], ["limits"], ["reload"],
                                  ["plan", os.devnull], ["drain", "web", "10.0.1.11"]])
def test_json_is_the_agents_data_exactly(agent, args):
    data = s.EXTREME[args[0]]
    agent.answers(args[0], data)
    for line in ([*args, "--json"], ["--json", *args]):
        done = agent.lbctl(*line)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == data
        assert done.stdout.count("\n") > 1, "it is pretty-printed"


@pytest.mark.parametrize("args", [["status"], ["vips"], ["backends"], ["counters"],
                                  ["counters", "--all"], ["limits"], ["reload"],
                                  ["plan", os.devnull],
                                  ["drain", "web", "10.0.1.11"]])
def test_output_for_people_fits_100_columns_whatever_it_shows(agent, args):
    for command, data in s.EXTREME.items():
        agent.answers(command, data)
    done = agent.lbctl(*args)
    assert (done.returncode, done.stderr) == (0, "")
    for line in done.stdout.splitlines():
        # A path or a word without a blank is never cut in two outside a table.
        assert columns(line) <= 100 or max(map(len, line.split())) > 88, line


def test_long_names_keep_both_ends(agent):
    agent.answers("vips", s.EXTREME["vips"])
    row = agent.lbctl("vips").stdout.splitlines()[1]
    assert row.startswith("a-very") and "…" in row
    assert "9.22E" in row and "8.00 EiB" in row and "0/16384" in row


def test_status_says_each_problem_on_a_line_and_is_still_exit_0(agent):
    agent.answers("status", s.status(
        interfaces=[s.interface("eth0"), s.interface("eth1", attached=False, error="MTU too large"),
                    s.interface("eth2", present=False, attached=False)],
        last_reload={"at": "2026-01-31T12:00:00Z", "ok": False, "error": "2 errors in f.yaml",
                     "took_ms": 1.0}))
    agent.answers("vips", [s.vip("a"), s.vip("b", pool="dead", backends_usable=0),
                           s.vip("c", pool="dead", backends_usable=0)])
    done = agent.lbctl("status")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "problem: interface eth1: the balancer is not attached: MTU too large" in text
    assert "problem: interface eth2 does not exist" in text
    assert "problem: pool dead has no usable backend; 2 VIPs depend on it" in text
    assert "failed: 2 errors in f.yaml" in text
    assert done.stdout.count("problem:") == 4


def test_status_of_a_well_box_names_no_problem(agent):
    agent.answers("status", s.status())
    agent.answers("vips", [s.vip()])
    done = agent.lbctl("status")
    assert done.returncode == 0
    assert "problem" not in done.stdout


def test_counters_leave_out_what_never_occurred(agent):
    agent.answers("counters", {"reasons": [s.reason(), s.reason("icmp", "pass", 0)]})
    assert "icmp" not in agent.lbctl("counters").stdout
    assert "icmp" in agent.lbctl("counters", "--all").stdout


def test_watched_counters_show_rates(agent):
    agent.answers("counters", {"reasons": [s.reason(packets=1000)]})
    with subprocess.Popen([LBCTL, "--socket", agent.socket, "counters", "--watch", "0.3"],
                          stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert "PKT/S" in process.stdout.readline()
        assert process.stdout.readline().split()[5] == "0", "nothing to compare with yet"
        agent.answers("counters", {"reasons": [s.reason(packets=1000000)]})
        for line in process.stdout:
            if line.startswith("forwarded") and line.split()[2] == "1.00M":
                break
        process.terminate()
    rate = line.split()[5]
    assert rate.endswith(("K", "M")) and float(rate[:-1]) > 0, line


def test_overrides_are_marked(agent):
    agent.answers("backends", [s.backend("10.0.1.1", weight=50, override=True),
                               s.backend("10.0.1.2", state="drain", override=True),
                               s.backend("10.0.1.3", override=True), s.backend("10.0.1.4")])
    lines = agent.lbctl("backends").stdout.splitlines()
    assert "50*" in lines[1] and "active " in lines[1]
    assert "drain*" in lines[2]
    assert "active*" in lines[3]
    assert "*" not in lines[4]


def test_an_unused_backend_has_its_reason_in_full(agent):
    why = "next hop: neighbour 2001:db8::53 on eth1.4094 does not answer"
    agent.answers("backends", [s.backend(), s.backend("2001:db8::53", usable=False, why=why)])
    assert f"2001:db8::53 in web: {why}" in " ".join(agent.lbctl("backends").stdout.split())


def test_a_hundred_thousand_backends_come_through(agent):
    agent.answers("backends", [s.backend(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", usable=i > 50000)
                               for i in range(100000)])
    done = agent.lbctl("backends")
    assert done.returncode == 0
    assert sum("10.1.134.159" in line for line in done.stdout.splitlines()) == 1
    assert "… and 49981 more" in done.stdout


# Plans.

def test_a_plan_without_changes_says_so(agent):
    agent.answers("plan", s.plan(vips=[s.plan_vip("keep")], pools=[s.plan_pool("keep")]))
    assert agent.lbctl("plan", os.devnull).stdout == "nothing would change\n"


def test_a_reload_without_changes_says_so(agent):
    agent.answers("reload", {"changes": s.plan(), "took_ms": 0.25})
    assert agent.lbctl("reload").stdout.startswith("nothing changed\n")


def test_a_reload_whose_changes_are_unknown_does_not_say_that_nothing_changed(agent):
    agent.answers("reload", {"changes": None, "took_ms": 0.25})
    assert agent.lbctl("reload").stdout == "applied in 0.2 ms\n"


def test_a_plan_shows_each_change_and_what_moves(agent):
    agent.answers("plan", s.plan(
        n_changes=5, node="interfaces eth0 → eth0 eth1",
        vips=[s.plan_vip("keep", "www", moved_share=0.0241), s.plan_vip("keep", "still"),
              s.plan_vip("add", "new"), s.plan_vip("remove", None, moved_share=1, address="::1"),
              s.plan_vip("change", "dns", detail="forward l2 → ipip", moved_share=0.5)],
        pools=[s.plan_pool("change", "web", [
            {"change": "remove", "address": "10.0.1.13", "detail": None},
            {"change": "change", "address": "10.0.1.11", "detail": "weight 100 → 50"}]),
            s.plan_pool("keep", "quiet")]))
    out = agent.lbctl("plan", os.devnull).stdout
    for line in ["~ node: interfaces eth0 → eth0 eth1", "~ pool web", "    - backend 10.0.1.13",
                 "    ~ backend 10.0.1.11: weight 100 → 50", "+ vip new (192.0.2.80:443/tcp)",
                 "- vip [::1]:443/tcp", "~ vip dns (192.0.2.80:443/tcp): forward l2 → ipip",
                 "  vip www: 2.4 % of its slots move", "  vip dns: 50.0 % of its slots move"]:
        assert line in out.splitlines(), out
    assert "quiet" not in out and "still" not in out
    assert out.splitlines()[-1] == ("1 VIP added, 1 removed, 1 changed; 1 pool changed; "
                                    "1 backend removed, 1 changed; node changed")


def test_a_plan_of_thousands_is_cut_and_says_so(agent):
    agent.answers("plan", s.plan(n_changes=5001, vips=[
        s.plan_vip("add", f"v{i}") for i in range(5000)], pools=[s.plan_pool("add", backends=[
            {"change": "add", "address": f"10.0.{i >> 8}.{i & 255}", "detail": "weight 1"}
            for i in range(3000)])]))
    lines = agent.lbctl("plan", os.devnull).stdout.splitlines()
    assert len(lines) < 100
    assert lines[-1] == "5000 VIPs added; 1 pool added; 3000 backends added"


def test_plan_without_an_agent_is_exit_3_and_names_from():
    done = run("--socket", NO_AGENT, "plan", os.devnull)
    assert done.returncode == 3
    assert "--from OLD" in done.stderr


# Colour and pipes.

def on_a_terminal(args, **more):
    """Output of lbctl on a pseudo-terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen([LBCTL, *map(str, args)], stdout=follower, stderr=subprocess.PIPE,
                          env=environment(**more)) as process:
        os.close(follower)
        out = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:
                break
            if not part:
                break
            out += part
        assert process.wait() == 0
    os.close(leader)
    return out.decode()


def test_colour_is_for_terminals_that_want_it(agent):
    agent.answers("vips", [s.vip()])
    args = ["--socket", agent.socket, "vips"]
    assert "\033[32m" in on_a_terminal(args)
    assert "\033" not in on_a_terminal(args, NO_COLOR="1")
    assert "\033" not in on_a_terminal(args, TERM="dumb")
    assert "\033" not in agent.lbctl("vips").stdout
    assert "\033" not in on_a_terminal([*args, "--json"])


@pytest.mark.parametrize("command", ["backends", "counters", "--json backends",
                                     "counters --watch 0.1"])
def test_a_reader_that_leaves_gets_no_complaint(agent, command):
    agent.answers("backends", [s.backend(f"10.0.{i >> 8}.{i & 255}") for i in range(20000)])
    agent.answers("counters", {"reasons": [s.reason(f"r{i}") for i in range(3000)]})
    done = subprocess.run(f"{LBCTL} --socket {agent.socket} {command} | head -1",
                          shell=True, capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_output_that_cannot_be_written_is_exit_1(agent):
    agent.answers("vips", [s.vip()])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([LBCTL, "--socket", agent.socket, "vips"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot write the output: No space left on device" in done.stderr


# Completion.

def complete(*words):
    done = run("__complete", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_offers_commands_options_and_files():
    assert complete("") == COMMANDS
    assert complete("co") == COMMANDS, "the shell chooses by the beginning"
    assert "--watch" in complete("counters", "-")
    assert "--socket" in complete("-")
    assert complete("check", "") == ["@files"]
    assert complete("plan", "x", "--from", "") == ["@files"]
    assert complete("status", "") == []
    assert complete("help", "") == COMMANDS
    assert complete("--socket", NO_AGENT, "drain", "") == []


def test_completion_asks_the_agent_for_pools_and_addresses(agent):
    agent.answers("backends", [s.backend("2001:db8::1"), s.backend("2001:db8::2"),
                               s.backend("10.0.0.1", pool="dns")])
    assert complete("--socket", agent.socket, "drain", "") == ["web", "dns"]
    complete("--socket", agent.socket, "drain", "dns", "")
    assert agent.requests()[-1] == {"command": "backends", "args": {"pool": "dns"}}


def test_bash_completes_an_ipv6_address(agent):
    agent.answers("backends", [s.backend("2001:db8::1"), s.backend("2001:db8::2")])
    script = os.path.join(os.path.dirname(__file__), "../../../tools/lbctl/lbctl.bash")
    line = f"{LBCTL} --socket {agent.socket} drain web 2001:d"
    done = subprocess.run(
        ["bash", "-c", 'source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; COMP_WORDBREAKS=" :"; _lbctl;'
         'printf "%s\\n" "${COMPREPLY[@]}"', "-", script, line],
        capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["db8::1", "db8::2"], done.stderr


# Check and plan on files; the agent has no part in them.

GOOD = """\
version: 1
node: {interfaces: [eth0]}
pools:
  web:
    backends:
      - {address: 10.0.1.11, weight: 100}
      - {address: 10.0.1.12, weight: 100}
      - {address: 10.0.1.13, weight: 100}
vips:
  - {name: www, address: 192.0.2.80, protocol: tcp, port: 80, forward: l2, pool: web}
  - {name: tls, address: 192.0.2.80, protocol: tcp, port: 443, forward: l2, pool: web}
"""


@pytest.fixture
def files(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def test_check_of_a_good_file_counts_what_is_in_it(files):
    path = files("good.yaml", GOOD)
    done = run("check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: OK (2 VIPs, 1 pool, 3 backends)\n"
    assert run("check", "-", input=GOOD).stdout.startswith("standard input: OK (2 VIPs")


def test_check_prints_every_error_and_is_exit_1(files):
    path = files("bad.yaml",
                 GOOD.replace("weight: 100}", "wieght: 100}", 1).replace("443", "70000"))
    done = run("check", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}:6:30: error: unknown key 'wieght'" in done.stderr
    assert f"{path}:11:" in done.stderr


def test_check_as_json_lists_the_same_errors(files):
    path = files("bad.yaml", GOOD.replace("weight: 100}", "wieght: 100}", 1))
    done = run("check", "--json", path)
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    assert report["file"] == str(path)
    assert [(e["line"], e["severity"]) for e in report["errors"]] == [(6, "error")]
    good = run("check", "--json", files("good.yaml", GOOD))
    assert good.returncode == 0 and json.loads(good.stdout)["errors"] == []


def test_check_of_a_missing_file_is_exit_1():
    done = run("check", "/nonexistent.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/nonexistent.yaml" in done.stderr and "No such file" in done.stderr


def test_schema_is_json_or_man_source():
    assert json.loads(run("schema").stdout) == json.loads(run("schema", "--json").stdout)
    assert run("schema", "--man").stdout.startswith(".")


def plan(files, new, *options, old=GOOD):
    return run("plan", files("new.yaml", new), "--from", files("old.yaml", old), *options)


def test_plan_from_the_same_file_would_change_nothing(files):
    done = plan(files, GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing would change\n", "")


def test_plan_from_a_file_shows_what_one_backend_less_moves(files):
    less = GOOD.replace("      - {address: 10.0.1.13, weight: 100}\n", "")
    done = plan(files, less)
    assert (done.returncode, done.stderr) == (0, "")
    assert "- backend 10.0.1.13" in done.stdout
    report = json.loads(plan(files, less, "--json").stdout)
    shares = {v["name"]: v["moved_share"] for v in report["vips"]}
    # The third of the slots that was its own moves; the survivors keep all but a little of theirs.
    assert shares["www"] == shares["tls"]
    assert 1 / 3 - 0.001 <= shares["www"] < 1 / 3 + 0.04
    assert report["pools"][0]["backends"] == [
        {"change": "remove", "address": "10.0.1.13", "detail": None}]


def test_plan_from_a_file_knows_drain_weight_and_vips(files):
    new = (GOOD.replace("10.0.1.11, weight: 100", "10.0.1.11, state: drain")
           .replace("10.0.1.12, weight: 100", "10.0.1.12, weight: 50")
           .replace("name: tls, address: 192.0.2.80", "name: tls, address: 192.0.2.81"))
    out = plan(files, new).stdout
    assert re.search(r"~ backend 10\.0\.1\.11: .*drain", out), out
    assert re.search(r"~ backend 10\.0\.1\.12: weight 100 → 50", out), out
    assert "+ vip tls (192.0.2.81:443/tcp)" in out
    assert "- vip tls (192.0.2.80:443/tcp)" in out


def test_plan_says_that_another_affinity_or_seed_moves_all(files):
    sticky = GOOD.replace("name: www,", "name: www, affinity: source,")
    report = json.loads(plan(files, sticky, "--json").stdout)
    assert {v["name"]: v["moved_share"] for v in report["vips"]} == {"www": 1.0, "tls": 0.0}


def test_plan_from_reports_the_errors_of_both_files(files):
    done = plan(files, "version: 2\n", old="version: 3\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "new.yaml:1:" in done.stderr and "old.yaml:1:" in done.stderr


# The manual.

def test_the_manual_describes_every_command_and_option():
    path = os.path.join(os.path.dirname(__file__), "../../../lb-agent/man/lbctl.1")
    with open(path, encoding="utf-8") as page:
        text = page.read()
    for command in COMMANDS:
        assert re.search(rf"^\.It Cm {command}( |$)", text, re.M), command
        for option in re.findall(r"^  --([a-z]+)", run(command, "--help").stdout, re.M):
            assert re.search(rf"-{option}\b", text), option
