# SPDX-License-Identifier: GPL-2.0-only
"""affinity: quic: who gets what, by datagrams that look like QUIC to a balancer, and by a real QUIC
client and server (ngtcp2) whose connection has to live through changes of the client's port."""

import os
import socket
import subprocess

import pytest

from lablib import config, paths
from lablib.site import UDP_PORT

POOLS = {"web4": config.V4, "web6": config.V6}


def document(without=(), states=None, ids=(1, 0x0102, 40000)):
    """Backend be<n+1> has ids[n]. without: numbers of backends that are left out."""
    doc = config.matrix()
    for vip in doc["vips"]:
        vip.update(protocol="udp", port=UDP_PORT, affinity="quic")
    for pool in doc["pools"].values():
        for n, backend in enumerate(pool["backends"]):
            backend["quic_id"] = ids[n]
            if states and states.get(n):
                backend["state"] = states[n]
        pool["backends"] = [b for n, b in enumerate(pool["backends"]) if n not in without]
    return doc


def connection_id(backend_id):
    """Configuration 0 and its length, the backend's id, the server's own bytes."""
    rest = backend_id.to_bytes(2, "big") + os.urandom(8)
    return bytes([len(rest)]) + rest


def short(cid):
    return b"\x41" + cid + b"\x00" * 30


def handshake(cid):
    return b"\xe1\x00\x00\x00\x01" + bytes([len(cid)]) + cid + b"\x00" * 40


@pytest.fixture(scope="module")
def site(make_site):
    return make_site(document())


@pytest.fixture(params=config.CASES)
def vip(request):
    return config.CASES[request.param][0]


@pytest.fixture(autouse=True)
def as_before(site):
    site.agent.reload(document())
    site.agent.wait_usable()


def who_answers(site, vip, datagram, ports=8):
    """The backends that answer a datagram sent from several ports."""
    names = set()
    with site.lab.client.enter():
        for _ in range(ports):
            with socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET,
                               socket.SOCK_DGRAM) as sock:
                sock.settimeout(3)
                sock.connect((vip, UDP_PORT))
                sock.send(datagram)
                names.add(sock.recv(2048).split(b" ", 1)[0].decode())
    return names


@pytest.mark.parametrize("header", (short, handshake))
def test_a_connection_id_finds_its_backend_from_any_address(site, vip, header):
    for name, backend_id in (("be1", 1), ("be2", 0x0102), ("be3", 40000)):
        assert who_answers(site, vip, header(connection_id(backend_id))) == {name}


def test_what_has_no_id_is_spread_like_flows(site, vip):
    assert len(who_answers(site, vip, handshake(os.urandom(7) + b"\xff"), ports=24)) > 1
    assert len(who_answers(site, vip, short(connection_id(7)), ports=24)) > 1


def test_a_drained_backend_keeps_its_connections_and_gets_no_others(site, vip):
    site.agent.reload(document(states={1: "drain"}))
    assert who_answers(site, vip, short(connection_id(0x0102))) == {"be2"}
    assert "be2" not in who_answers(site, vip, b"x", ports=24)


def test_a_removed_backends_id_goes_by_hash_and_its_place_to_nobody(site, vip):
    site.agent.reload(document(without=(1,)))
    assert len(who_answers(site, vip, short(connection_id(0x0102)), ports=24)) == 2
    site.agent.reload(document())
    site.agent.wait_usable()
    assert who_answers(site, vip, short(connection_id(0x0102))) == {"be2"}


def test_ids_can_change_while_it_runs_and_are_in_the_plan(site, vip):
    doc = document(ids=(1, 2, 40000))
    plan = site.agent.plan(doc)
    assert {b["detail"] for p in plan["pools"] for b in p["backends"]} == {"quic_id 258 → 2"}
    site.agent.reload(doc)
    assert who_answers(site, vip, short(connection_id(2))) == {"be2"}
    assert len(who_answers(site, vip, short(connection_id(0x0102)), ports=24)) > 1


def test_the_next_agent_knows_the_ids(site):
    generation = site.agent.status()["generation"]
    site.agent.kill9()
    site.agent.write(document(ids=(1, 2, 40000)))
    site.agent.start()
    assert site.agent.status()["generation"] == generation
    for vip, _, _ in config.CASES.values():
        assert who_answers(site, vip, short(connection_id(2))) == {"be2"}
        assert who_answers(site, vip, short(connection_id(40000))) == {"be3"}
    assert {b["quic_id"] for b in site.agent.ctl("backends")} == {1, 2, 40000}


# A real stack

QUIC_PORT = 4433
PEER = os.path.join(paths.BUILD, "test", "lab", "quic_peer")
MOVES = 6


def stack_document(affinity):
    doc = document()
    for vip in doc["vips"]:
        vip.update(port=QUIC_PORT, affinity=affinity)
    return doc


@pytest.fixture(scope="module")
def servers(site):
    """On each backend, for each VIP, a QUIC server that has the backend's id in its ids."""
    if not os.access(PEER, os.X_OK):
        pytest.skip("quic_peer is not built: libngtcp2-dev, libngtcp2-crypto-gnutls-dev and "
                    "libgnutls28-dev are missing")
    cert, key = (os.path.join(site.lab.dir, n) for n in ("quic-cert.pem", "quic-key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=lab", "-keyout", key,
                    "-out", cert], check=True, capture_output=True)
    started = [site.lab.start(f"quic-{b.name}-{case}",
                              [PEER, "server", b.name, str(backend_id), address, str(QUIC_PORT),
                               cert, key], b.ns)
               for b, backend_id in zip(site.lab.backends, (1, 0x0102, 40000))
               for case, (address, _, _) in config.CASES.items()]
    for process in started:
        process.wait_log("ready")


def answers_of_a_moving_client(site, vip):
    """Exit status, and the backend that answered before each move and after the last one."""
    with site.lab.client.enter():
        done = subprocess.run([PEER, "client", vip, str(QUIC_PORT)], text=True,
                              input="\n" * MOVES, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.split()


def test_a_connection_stays_on_its_backend_when_the_client_moves(site, servers, vip):
    site.agent.reload(stack_document("quic"))
    seen = set()
    for _ in range(8):
        status, names = answers_of_a_moving_client(site, vip)
        assert status == 0
        assert len(names) == MOVES + 1 and len(set(names)) == 1
        seen |= set(names)
    assert len(seen) > 1, "eight connections and one backend"


def test_without_the_ids_a_client_that_moves_loses_its_connection(site, servers):
    """What makes the test above one: by the flow's hash some move goes to another backend."""
    site.agent.reload(stack_document("flow"))
    vip = config.CASES["l2-v4"][0]
    assert any(answers_of_a_moving_client(site, vip)[0] != 0 for _ in range(4))


def test_a_drain_ends_no_connection_of_a_client_that_moves(site, servers):
    """Every backend of the pool is drained between two questions of the client."""
    vip, _, pool = config.CASES["l2-v4"]
    site.agent.reload(stack_document("quic"))
    with site.lab.client.enter():
        client = subprocess.Popen([PEER, "client", vip, str(QUIC_PORT)], text=True, bufsize=1,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        name = client.stdout.readline()
        for address in POOLS[pool]:
            site.agent.lbctl("drain", pool, address)
        after, _ = client.communicate("\n" * MOVES, timeout=60)
        assert client.returncode == 0
        assert after == name * MOVES
    finally:
        client.kill()
        client.wait()
        for address in POOLS[pool]:
            site.agent.lbctl("undrain", pool, address)
