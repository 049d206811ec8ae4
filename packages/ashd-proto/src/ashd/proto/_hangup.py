"""Whether anybody is left at the other end of a handler's socket."""

from __future__ import annotations

import select
import socket

_HUNG_UP: int = getattr(select, "POLLRDHUP", 0) | select.POLLHUP


def hung_up(sock: socket.socket) -> bool:
    """Tell whether the peer has closed, or we have; datagrams may still wait."""
    poll = select.poll()
    poll.register(sock, _HUNG_UP)
    return bool(poll.poll(0))


def at_end(sock: socket.socket) -> bool:
    """Tell end-of-file from an empty datagram, both of which recvmsg(2) reports as 0 bytes."""
    try:
        return hung_up(sock) and not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
