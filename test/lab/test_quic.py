# SPDX-License-Identifier: GPL-2.0-only
"""affinity: quic, by datagrams that look like QUIC to a balancer: who gets what."""

import os
import socket

import pytest

from lablib import config
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
