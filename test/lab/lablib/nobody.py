# SPDX-License-Identifier: GPL-2.0-only
"""A program run without privileges, wherever the source tree is (/root is closed to others)."""

import os
import shutil
import subprocess
import tempfile

NOBODY = 65534


def run_as_nobody(program, *argv, timeout=30):
    directory = tempfile.mkdtemp(prefix="sluice-nobody-")
    try:
        os.chmod(directory, 0o755)
        copy = shutil.copy(program, directory)
        return subprocess.run([copy, *argv], capture_output=True, text=True, timeout=timeout,
                              check=False, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[])
    finally:
        shutil.rmtree(directory)
