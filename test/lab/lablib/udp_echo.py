#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A UDP service that answers with its name: udp_echo.py NAME PORT ADDRESS…

It binds to each address, so that a reply to a packet that came for a VIP comes from that VIP.
"""

import selectors
import socket
import sys

SO_RCVBUFFORCE = 33  # asm-generic/socket.h: past rmem_max, which root may


def main(name, port, addresses):
    selector = selectors.DefaultSelector()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        sock.bind((address, int(port)))
        selector.register(sock, selectors.EVENT_READ)
    print("ready", flush=True)
    prefix = name.encode() + b" "
    while True:
        for key, _ in selector.select():
            data, peer = key.fileobj.recvfrom(65535)
            key.fileobj.sendto(prefix + data, peer)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
