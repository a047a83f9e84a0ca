# SPDX-License-Identifier: GPL-2.0-only
"""lbctl limits, answered by a made-up agent."""

import re


def test_limits_say_what_they_dropped_and_whose_they_are(agent):
    limit = {"vip": "dns", "per": "source", "count": "packets", "action": "drop", "rate": 10000,
             "burst": 20000, "prefix_ipv4": 32, "prefix_ipv6": 48, "sources": 7, "used": None,
             "dropped_packets": 12345, "dropped_bytes": 1, "would_drop_packets": 0,
             "would_drop_bytes": 0}
    agent.answers("limits", {"limits": [limit], "top": [], "sources": 7, "sources_max": 1024})
    text = agent.lbctl("limits", "dns").stdout
    assert re.search(r"dns +source /32 /48 +10\.0K/s +20\.0K +drop +12\.3K +0 +7", text), text
    assert "7 of at most 1024 sources" in text
    agent.answers("limits", {"limits": [], "top": [], "sources": 0, "sources_max": 1})
    assert agent.lbctl("limits").stdout == "no rate limits\n"
