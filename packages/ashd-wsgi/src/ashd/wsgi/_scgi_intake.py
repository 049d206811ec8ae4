"""Where `scgi-wsgi` takes connections: as `--bind` or `-T` says, or on standard input."""

from __future__ import annotations

import socket

from ashd.proto import Error

from ._bind import portspec
from ._errors import StartError, UsageError
from ._options import Options
from ._scgi_acceptor import Acceptor
from ._stdin import take_listener

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
    sock = take_listener()
    if sock is None:
        raise StartError(
            f"standard input is not a listening socket; say where to listen: {options.program} "
            f"--bind 127.0.0.1:4000 {options.module}"
        )
    return sock
