# SPDX-License-Identifier: GPL-2.0-only
"""Where things are: the source tree and the binaries under test."""

import os

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
# SLUICE_BUILD says which build is tested (the sanitizer's, say).
BUILD = os.path.realpath(os.environ.get("SLUICE_BUILD") or os.path.join(ROOT, "build"))
CONFIGS = os.path.join(ROOT, "configs")

_BINARIES = {
    "lb-agent": "lb-agent/lb-agent",
    "lbctl": "tools/lbctl/lbctl",
    "lb-decap": "tools/lb-decap/lb-decap",
    "lb-bench": "tools/bench/lb-bench",
}


class NotBuilt(RuntimeError):
    """A binary is missing."""


def binary(name):
    path = os.path.join(BUILD, _BINARIES[name])
    if not os.access(path, os.X_OK):
        raise NotBuilt(f"{path} is not there: build first (ninja -C {BUILD})")
    return path
