"""Where `scgi-wsgi` takes connections: as `--bind` or `-T` says, or on standard input."""

from __future__ import annotations

import os
import socket

from ashd.proto import Error

from ._bind import portspec
from ._errors import StartError, UsageError
from ._options import Options
from ._scgi_acceptor import Acceptor

_SEND_BUFFER = 1 << 20
"""Bytes wished for the handler's socket: a request has its url twice. The kernel gives less."""


def take_connections(options: Options) -> tuple[socket.socket, Acceptor]:
    """Return a handler's socket, and what sends requests there once it is started.

    Raises `StartError`.
    """
    listeners = _bound(options.bind) if options.bind else [_standard_input(options)]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return theirs, Acceptor(listeners, ours)


def _bound(addresses: tuple[str, ...]) -> list[socket.socket]:
    from ashd.htparser import listen

    sockets: list[socket.socket] = []
    for address in addresses:
        spec = portspec(address)
        if not spec.startswith("plain:"):
            raise UsageError(f"{address}: SCGI has no encryption; give HOST:PORT or unix:PATH")
        try:
            sockets += listen(spec)
        except Error as error:
            for sock in sockets:
                sock.close()
            raise StartError(str(error)) from None
    return sockets


def _standard_input(options: Options) -> socket.socket:
    """Take the listening socket that standard input is; it reads as empty from then on."""
    try:
        sock = socket.socket(fileno=os.dup(0))
    except OSError:
        raise _nowhere(options) from None
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise _nowhere(options)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return sock


def _nowhere(options: Options) -> StartError:
    return StartError(
        f"standard input is not a listening socket; say where to listen: {options.program} "
        f"--bind 127.0.0.1:4000 {options.module}"
    )
