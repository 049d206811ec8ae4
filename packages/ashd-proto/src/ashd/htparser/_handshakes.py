"""Closing a TCP port without resetting a connection that is being made.

When a listening socket is closed, the kernel resets connections that nobody has accepted yet, and
those whose handshake isn't over: for their clients, they exist already, and a request may be on its
way. So no handshake must begin for a while before. A client's SYN is dropped then, which it sends
again after a second, and learns that the port is closed.
"""

from __future__ import annotations

import array
import socket
import struct
from contextlib import suppress

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, see socket(7)
_SYN, _ACK = 0x02, 0x10
_FLAGS = 13  # where they are in the TCP header, with which a packet begins here
_ALL = 0xFFFFFFFF
# Classic BPF: code, how far to jump if true and if false, operand.
_NO_SYN = (
    (0x30, 0, 0, _FLAGS),  # load a byte
    (0x54, 0, 0, _SYN | _ACK),  # and
    (0x15, 0, 1, _SYN),  # equal?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, _ALL),  # keep it
)


def refuse_handshakes(sock: socket.socket) -> None:
    """Let a listening TCP socket drop what would begin a connection, where the kernel can do it."""
    program = array.array("Q", b"".join(struct.pack("=HBBI", *each) for each in _NO_SYN))
    address, length = program.buffer_info()
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", length, address))
