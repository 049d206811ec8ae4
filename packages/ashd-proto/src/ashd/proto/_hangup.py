"""Whether anybody is left at the other end of a handler's socket, and whether anything waits."""

from __future__ import annotations

import select
import socket

SO_TIMESTAMPNS = 35  # Linux; not named by the socket module before Python 3.14
_TIMESTAMP = socket.CMSG_SPACE(16)  # struct timespec on 64-bit systems

_HUNG_UP: int = getattr(select, "POLLRDHUP", 0) | select.POLLHUP


def hung_up(sock: socket.socket) -> bool:
    """Tell whether the peer has closed, or we have; datagrams may still wait."""
    poll = select.poll()
    poll.register(sock, _HUNG_UP)
    return bool(poll.poll(0))


def at_end(sock: socket.socket) -> bool:
    """Tell whether there is nothing more to receive, now or later."""
    return hung_up(sock) and not holds_datagram(sock)


def holds_datagram(sock: socket.socket) -> bool:
    """Tell whether a datagram can be received now, be it an empty one.

    End-of-file and an empty datagram both look like 0 bytes. But the kernel puts a time stamp on
    every datagram if it is asked to. It is asked only where there is a doubt; there is no room for
    descriptors, which a look must not install.
    """
    look = socket.MSG_PEEK | socket.MSG_DONTWAIT
    try:
        if sock.recv(1, look):
            return True
        if not hung_up(sock):
            return True
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        size, ancillary, _, _ = sock.recvmsg(1, _TIMESTAMP, look)
        return bool(size or ancillary)
    except (OSError, ValueError):  # there is none; no time stamps on this system; closed
        return False
