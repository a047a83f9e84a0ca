# SPDX-License-Identifier: GPL-2.0-only
"""Configs of the labs, as Python objects that become YAML files."""

import yaml

# Every forwarding mode in every combination of families: name, VIP, forward, pool.
CASES = {
    "l2-v4": ("192.0.2.80", "l2", "web4"),
    "l2-v6": ("2001:db8:80::80", "l2", "web6"),
    "4in4": ("192.0.2.81", "ipip", "web4"),
    "6in6": ("2001:db8:80::81", "ipip", "web6"),
    "4in6": ("192.0.2.82", "ipip", "web6"),
    "6in4": ("2001:db8:80::82", "ipip", "web4"),
}

V4 = ["10.77.1.11", "10.77.1.12", "10.77.1.13"]
V6 = ["fd77:1::11", "fd77:1::12", "fd77:1::13"]


def pool(addresses, weights=None, **options):
    """weights: one a backend (None: leave the default). options: health, when_all_down …"""
    backends = []
    for i, address in enumerate(addresses):
        backend = {"address": address}
        if weights and weights[i] is not None:
            backend["weight"] = weights[i]
        backends.append(backend)
    return {"backends": backends, **options}


def vip(name, address, forward, pool_name, protocol="tcp", port=80, **options):
    return {"name": name, "address": address, "protocol": protocol, "port": port,
            "forward": forward, "pool": pool_name, **options}


def document(pools, vips, interfaces=("lb0",), **node):
    return {"version": 1, "node": {"interfaces": list(interfaces), **node}, "pools": pools,
            "vips": vips}


def matrix(weights=None, cases=CASES, **pool_options):
    """A VIP on TCP port 80 for each case."""
    pools = {"web4": pool(V4, weights, **pool_options), "web6": pool(V6, weights, **pool_options)}
    used = {p for _, _, p in cases.values()}
    return document({n: p for n, p in pools.items() if n in used},
                    [vip(n, a, f, p) for n, (a, f, p) in cases.items()])


def http_health(interval="100ms", timeout="100ms", rise=2, fall=3, **options):
    return {"http": {"path": "/healthz", "expect": 200, **options}, "interval": interval,
            "timeout": timeout, "rise": rise, "fall": fall}


def tcp_health(interval="100ms", timeout="100ms", rise=2, fall=3, **options):
    return {"tcp": dict(options), "interval": interval, "timeout": timeout, "rise": rise,
            "fall": fall}


def addresses(doc):
    return [v["address"] for v in doc["vips"]]


class _Dumper(yaml.SafeDumper):
    """Writes every value out: Sluice's configs know no anchors."""

    def ignore_aliases(self, data):
        return True


def dump(doc):
    return yaml.dump(doc, Dumper=_Dumper, sort_keys=False, default_flow_style=None)
