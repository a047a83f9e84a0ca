# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself, without Sluice: what the other suites silently rely on."""

import os
import signal
import subprocess
import sys

import pytest

from lablib import lab as lab_module
from lablib import netns
from lablib.backend import data_sha256
from lablib.client import Client, Download, UdpStream, assert_shares
from lablib.lab import BOX_V4, BOX_V6, CLIENT_V4, CLIENT_V6, Lab
from lablib.wait import Timeout, wait_until

VIP = {4: "192.0.2.80", 6: "2001:db8:80::80"}
UDP_PORT = 5353


@pytest.fixture(scope="module", params=[1, 2], ids=["one-arm", "two-arm"])
def lab(request, lab_guard):
    with Lab(VIP.values(), arms=request.param, data_bytes=1 << 20) as lab:
        lab_guard(lab)
        for backend in lab.backends:
            backend.start_nginx()
        for backend in lab.backends:
            backend.wait_nginx()
            backend.start_udp_echo(VIP.values(), UDP_PORT)
        yield lab


@pytest.fixture(scope="module")
def client(lab):
    return Client(lab.client)


def route_vip(lab, version, backend):
    """Sends the VIP straight to one backend, as a balancer would that knew no other."""
    lab.router.ip(f"route replace {VIP[version]} "
                  f"via {backend.address(version)}")


@pytest.mark.parametrize("version", [4, 6])
def test_every_backend_is_reached_by_its_own_address(lab, client, version):
    for backend in lab.backends:
        assert client.get(backend.address(version)).backend == backend.name


@pytest.mark.parametrize("version", [4, 6])
def test_box_reaches_every_backend_and_the_client(lab, version):
    for address in [*(b.address(version) for b in lab.backends),
                    CLIENT_V4 if version == 4 else CLIENT_V6]:
        lab.box.run("ping", "-c1", "-W2", address)


@pytest.mark.parametrize("version", [4, 6])
def test_reply_comes_from_the_vip_and_not_through_the_box(lab, client, version):
    box_before = box_packets(lab)
    for backend in lab.backends:
        route_vip(lab, version, backend)
        # The client's socket is connected to the VIP: an answer from elsewhere would not count.
        response = client.get(VIP[version], "/data")
        assert response.backend == backend.name
        assert len(response.body) == lab.data_bytes
    assert box_packets(lab) - box_before < 50, "a megabyte went through the box"


def box_packets(lab):
    with lab.box.enter(), open("/proc/net/dev", encoding="ascii") as f:
        fields = [line.split() for line in f if line.strip().startswith("lb")]
    return sum(int(f[2]) + int(f[10]) for f in fields)


def test_no_backend_answers_arp_for_the_vip(lab):
    # Asked for on the segment by someone who thinks that it is there.
    lab.router.ip("route replace 192.0.2.80 dev br0")
    try:
        result = lab.router.run("ping", "-c1", "-W1", VIP[4], check=False)
        assert result.returncode != 0
        neigh = lab.router.run("ip", "neigh", "show", VIP[4], "dev", "br0").stdout
        assert "lladdr" not in neigh
    finally:
        lab.router.ip("route del 192.0.2.80 dev br0")


@pytest.mark.parametrize("version", [4, 6])
def test_without_a_balancer_the_vip_is_dead(lab, client, version):
    lab.router.run("ip", f"-{version}", "route", "del", VIP[version], check=False)
    with pytest.raises(OSError):
        client.get(VIP[version], timeout=0.3)


@pytest.mark.parametrize("version", [4, 6])
def test_download_arrives_whole(lab, client, version):
    route_vip(lab, version, lab.backends[0])
    download = Download(lab.client, VIP[version], rate=2 << 20, source_port=31000)
    assert download.wait_started() == "be1"
    download.assert_intact(data_sha256(lab))


@pytest.mark.parametrize("version", [4, 6])
def test_udp_echo_answers_from_the_vip(lab, version):
    route_vip(lab, version, lab.backends[1])
    stream = UdpStream(lab.client, VIP[version], UDP_PORT, flows=4)
    stream.wait_progress(100)
    stream.finish_sending()
    assert stream.lost() == []
    assert stream.backends_of_flows() == {i: {"be2"} for i in range(4)}


def test_udp_stream_notices_what_is_lost(lab):
    route_vip(lab, 4, lab.backends[1])
    stream = UdpStream(lab.client, VIP[4], UDP_PORT, flows=4)
    stream.wait_progress(20)
    lab.backends[1].ns.ip("addr del 192.0.2.80/32 dev lo")
    sent = stream.sent
    wait_until(lambda: stream.sent > sent + 50, 5, "more datagrams")
    lab.backends[1].ns.ip("addr add 192.0.2.80/32 dev lo")
    stream.wait_progress(20)
    stream.finish_sending(timeout=0.5)
    lost = stream.lost()
    assert len(lost) >= 40
    assert len(stream.replies) + len(lost) == stream.sent


def test_segment_carries_an_encapsulated_full_size_packet(lab):
    backend = lab.backends[0]
    lab.box.run("ping", "-c1", "-W2", "-M", "do", "-s", str(1540 - 28), backend.v4)
    lab.box.run("ping", "-c1", "-W2", "-M", "do", "-s", str(1540 - 48), backend.v6)


def test_sick_backend_answers_503(lab, client):
    backend = lab.backends[2]
    assert client.get(backend.v4, "/healthz").status == 200
    backend.set_sick(True)
    assert client.get(backend.v4, "/healthz").status == 503
    backend.set_sick(False)
    assert client.get(backend.v4, "/healthz").status == 200


def test_shares_that_do_not_fit_the_weights_are_noticed():
    weights = {"be1": 100, "be2": 50, "be3": 0}
    assert_shares({"be1": 1340, "be2": 660}, weights)
    with pytest.raises(AssertionError):
        assert_shares({"be1": 1000, "be2": 1000}, weights)
    with pytest.raises(AssertionError):
        assert_shares({"be1": 1340, "be2": 659, "be3": 1}, weights)


def test_wait_until_says_what_it_waited_for():
    with pytest.raises(Timeout, match="waited 0.05 s for the moon; last error: KeyError: 'x'"):
        wait_until(lambda: {}["x"], 0.05, "the moon")


def test_lab_leaves_nothing_behind():
    lab = Lab(["192.0.2.80"], backends=1).up()
    lab.backends[0].start_nginx()
    lab.backends[0].wait_nginx()
    pids = lab.backends[0].ns.pids()
    assert pids and netns.leftovers(lab.tag)
    lab.down()
    assert_gone(lab.tag, lab.dir, pids)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_killed_run_leaves_nothing_behind(signum):
    code = ("import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from lablib.lab import Lab\n"
            "lab = Lab(['192.0.2.80'], backends=1).up()\n"
            "lab.backends[0].start_nginx(); lab.backends[0].wait_nginx()\n"
            "print(lab.tag, lab.dir, *lab.backends[0].ns.pids(), flush=True)\n"
            "time.sleep(60)\n")
    here = os.path.dirname(os.path.abspath(__file__))
    run = subprocess.Popen([sys.executable, "-c", code, here], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.DEVNULL)
    tag, directory, *pids = run.stdout.readline().split()
    assert pids and netns.leftovers(tag)
    run.send_signal(signum)
    run.wait(10)
    if signum == signal.SIGKILL:
        assert any(name.startswith(tag) for name in lab_module.sweep())
    assert_gone(tag, directory, [int(p) for p in pids])


def assert_gone(tag, directory, pids):
    assert netns.leftovers(tag) == []
    assert not os.path.exists(directory)
    with open("/proc/self/mounts", encoding="utf-8") as f:
        assert directory not in f.read()
    wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 5, "the servers' end")


def test_box_and_backends_have_the_addresses_that_the_drawing_says(lab):
    assert BOX_V4 in lab.box.run("ip", "-4", "addr").stdout
    assert BOX_V6 in lab.box.run("ip", "-6", "addr").stdout
    assert [b.v4 for b in lab.backends] == ["10.77.1.11", "10.77.1.12", "10.77.1.13"]
