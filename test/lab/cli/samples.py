# SPDX-License-Identifier: GPL-2.0-only
"""What an agent would answer (lb-agent/ctl.h): plain and extreme."""

LONG = "a" + "-very-long-name" * 4 + "-z"  # 62 bytes; 63 are allowed
LONG_V6 = "2001:0db8:1111:2222:3333:4444:5555:6666".replace("0db8", "db80")
HUGE = 2**63 - 1


def next_hop(**more):
    return {"status": "resolved", "detail": "on eth1", "device": "eth1", "via": "10.0.1.11",
            "mac": "02:00:00:00:00:01", "vlan": 0, "mtu": 1500, **more}


def backend(address="10.0.1.11", **more):
    return {"pool": "web", "address": address, "weight": 100, "configured_weight": 100,
            "state": "active", "configured_state": "active", "override": False, "usable": True,
            "why": "in use", "share": 0.5, "health": "up", "health_error": None,
            "health_since_s": 12.5, "next_hop": next_hop(via=address), "packets": 10, "bytes": 640,
            **more}


def vip(name="www", **more):
    return {"name": name, "address": "192.0.2.80", "port": 443, "protocol": "tcp",
            "forward": "ipip", "affinity": "flow", "pool": "web", "backends": 2,
            "backends_usable": 2, "slots": 2042, "packets": 10, "bytes": 640,
            "dropped_packets": 0, "dropped_bytes": 0, **more}


def interface(name="eth0", **more):
    return {"name": name, "present": True, "attached": True, "mode": "native",
            "dispatcher": False, "error": None, **more}


def status(**more):
    return {"version": "0.1.0", "pid": 1234, "config_file": "/etc/sluice/sluice.yaml",
            "uptime_s": 12.5, "last_reload": {"at": "2026-01-31T12:00:00Z", "ok": True,
                                              "error": None, "took_ms": 3.25},
            "generation": 1, "abi": 1, "adopted": False, "interfaces": [interface()],
            "vips": 1, "pools": 1, "backends": 2, "backends_usable": 2, "overrides": 0,
            "map_memory_bytes": 1048576, **more}


def reason(name="forwarded", action="forward", packets=10, **more):
    return {"name": name, "action": action, "help": "sent to a backend", "packets": packets,
            "bytes": packets * 64, **more}


def plan(**more):
    return {"rebuild": False, "rebuild_reason": None, "n_changes": 0, "vips": [], "pools": [],
            "node": None, **more}


def plan_vip(change, name="www", **more):
    return {"change": change, "name": name, "address": "192.0.2.80", "port": 443,
            "protocol": "tcp", "detail": None, "moved_share": 0, **more}


def plan_pool(change, name="web", backends=(), **more):
    return {"change": change, "name": name, "detail": None, "moved_share": 0,
            "backends": list(backends), **more}


# Every command that shows data, with the most that each field can hold.
EXTREME = {
    "status": status(
        config_file="/etc/" + "deep/" * 40 + "sluice.yaml", uptime_s=1e9, vips=10000, pools=10000,
        backends=100000, overrides=100000, map_memory_bytes=HUGE,
        last_reload={"at": "2026-01-31T12:00:00Z", "ok": False, "error": "no " * 60,
                     "took_ms": 99999.9},
        interfaces=[interface("abcdefghijklmno", attached=False, error="it says no " * 20)]),
    "vips": [vip(LONG, address=LONG_V6, port=65535, pool=LONG, backends=16384,
                 backends_usable=0, packets=HUGE, bytes=HUGE, dropped_packets=HUGE)],
    "backends": [backend(LONG_V6, pool=LONG, weight=65535, override=True, state="drain",
                         health="unknown", share=0.99999, packets=HUGE, bytes=HUGE, usable=False,
                         why="next hop: the neighbour does not answer " * 4,
                         next_hop=next_hop(status="neigh-failed", detail="x" * 95))],
    "counters": {"reasons": [reason("ipv6-ext-truncated", "drop", HUGE // 64, help="y" * 300)]},
    "reload": {"took_ms": 123456.7, "changes": plan(
        n_changes=4, rebuild=True, rebuild_reason="more room " * 20, node="interfaces " * 20,
        vips=[plan_vip("change", LONG, address=LONG_V6, port=65535, moved_share=0.99999,
                       detail=f"pool {LONG} → {LONG}")],
        pools=[plan_pool("change", LONG, [{"change": "change", "address": LONG_V6,
                                           "detail": "weight 65535 → 65534, state active → drain"}],
                         detail="settings changed, slots laid out anew")])},
    "drain": backend(LONG_V6, pool=LONG, state="drain", usable=False, why="draining",
                     override=True, share=0.0001),
}
EXTREME["limits"] = {
    "limits": [{"vip": LONG, "per": "source", "count": "connections", "action": "count",
                "rate": 100000000, "burst": HUGE, "prefix_ipv4": 24, "prefix_ipv6": 128,
                "sources": 16777216, "used": None, "dropped_packets": HUGE, "dropped_bytes": HUGE,
                "would_drop_packets": HUGE, "would_drop_bytes": HUGE}],
    "top": [{"source": LONG_V6 + "/128", "vip": LONG, "used": 1.0,
             "limit": "connections per source 100M/s, burst 360G"}],
    "sources": 16777216, "sources_max": 16777216}
EXTREME["plan"] = EXTREME["reload"]["changes"]
