"""The socket on standard input, which reads as empty once it is taken.

So neither the application nor programs that it starts can get at other clients' requests. Who
starts a handler may give it a terminal instead (`ashd-pdm replay`), for a debugger.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

VARIABLE = "ASHD_TERMINAL"
"""Names the terminal that becomes standard input."""

_HANDLER_SOCKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET)


def take_socket() -> socket.socket | None:
    """Return the socket of a handler. It blocks, and is the caller's.

    Returns None, and leaves standard input as it is, if it isn't one.
    """
    sock = _take(lambda sock: (sock.family, sock.type) == _HANDLER_SOCKET)
    if sock is not None:
        sock.setblocking(True)
    return sock


def take_listener() -> socket.socket | None:
    """Return the listening socket, as `take_socket` does."""
    return _take(lambda sock: bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)))


def _take(wanted: Callable[[socket.socket], bool]) -> socket.socket | None:
    try:
        with socket.socket(fileno=0) as standard_input:
            try:
                if not wanted(standard_input):
                    return None
                sock = standard_input.dup()
            finally:
                standard_input.detach()
    except OSError:
        return None
    instead = _open_instead()
    os.dup2(instead, 0)
    os.close(instead)
    return sock


def _open_instead() -> int:
    try:
        return os.open(os.environ.get(VARIABLE) or os.devnull, os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # the terminal is gone
        return os.open(os.devnull, os.O_RDONLY)
