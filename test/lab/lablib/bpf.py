# SPDX-License-Identifier: GPL-2.0-only
"""A two-instruction XDP program by bpf(2) itself: what a lab needs of BPF besides Sluice."""

import ctypes
import os
import platform
import struct

_SYS_BPF = {"x86_64": 321, "aarch64": 280}
_PROG_LOAD, _OBJ_PIN = 5, 6
_PROG_TYPE_XDP = 6
XDP_DROP, XDP_PASS = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr, len(attr))
    result = _libc.syscall(_SYS_BPF[platform.machine()], command, buffer, len(attr))
    if result < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"bpf: {os.strerror(err)}")
    return result


def load_xdp(verdict=XDP_PASS, name="lab_verdict"):
    """Loads `return verdict;`; the program's descriptor."""
    # r0 = verdict (BPF_ALU64 | BPF_MOV | BPF_K); exit. See linux/bpf.h, union bpf_attr.
    insns = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, verdict,
                                                    0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    attr = struct.pack("<IIQQIIQII16s", _PROG_TYPE_XDP, 2, ctypes.addressof(insns),
                       ctypes.addressof(licence), 0, 0, 0, 0, 0, name.encode()[:15])
    return _bpf(_PROG_LOAD, attr)


def pin_xdp(path, verdict=XDP_PASS, name="lab_verdict"):
    """The same, pinned at `path` in a bpffs."""
    fd = load_xdp(verdict, name)
    try:
        text = ctypes.create_string_buffer(os.fsencode(path))
        _bpf(_OBJ_PIN, struct.pack("<QII", ctypes.addressof(text), fd, 0))
    finally:
        os.close(fd)
