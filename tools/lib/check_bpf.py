#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Says in one line what of BPF this machine refuses; nothing, and exit 0, where all is well."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/lab"))

from lablib import bpf  # noqa: E402


def check():
    try:
        os.close(bpf.load_xdp())
    except OSError as e:
        return (f"the kernel refuses to load an XDP program ({os.strerror(e.errno)}): it needs "
                "CONFIG_BPF_SYSCALL, and root needs CAP_BPF and CAP_NET_ADMIN "
                "(docker: --privileged)")
    with tempfile.TemporaryDirectory(prefix="sluice-check-") as directory:
        result = subprocess.run(["mount", "-t", "bpf", "bpf", directory], capture_output=True,
                                text=True, check=False)
        if result.returncode != 0:
            return ("a bpffs cannot be mounted: it needs CAP_SYS_ADMIN in this mount namespace "
                    f"(docker: --privileged): {result.stderr.strip()}")
        subprocess.run(["umount", directory], check=True)
    return None


if __name__ == "__main__":
    if problem := check():
        sys.exit(problem)
