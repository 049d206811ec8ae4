"""Connections of which the header of the PROXY protocol is still to come.

Called in the event loop's thread. A `Preface` owns its socket until the header is whole: then the
server goes on with it, TLS included. Nothing beyond the header is taken from the socket.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from typing import Protocol

from ._forwarded import UNIX, canonical
from ._limits import Limits
from ._peer import Arrival
from ._portspec import Port
from ._proxy_header import START, ProxyHeaderError, measure, read_header
from ._room import Client, Room
from ._states import State
from ._wire import has_unread

_log = logging.getLogger("ashd.htparser")


class Host(Protocol):
    """What a preface needs of the server."""

    loop: asyncio.AbstractEventLoop
    limits: Limits
    room: Room

    def time(self) -> float:
        """Return the event loop's time."""

    def preface_closed(self, preface: Preface) -> None:
        """Forget a connection that has come to nothing."""

    def preface_read(self, preface: Preface, sock: socket.socket, arrival: Arrival) -> None:
        """Own the socket and serve it."""


class Preface:
    """See the module. `deadline` is looked at by the server's sweep."""

    def __init__(self, host: Host, port: Port, sock: socket.socket) -> None:
        """Own an accepted socket; `begin` reads."""
        self._host = host
        self._port = port
        self._sock = sock
        self._peer = _address(sock)
        self._data = bytearray()
        self._size = 0  # of the header; 0 while that isn't known
        self.line: dict[Client, float] | None = None
        self.deadline = host.time() + host.limits.head_time
        self.write_deadline = math.inf

    def begin(self) -> None:
        """Read, unless this peer may not connect."""
        assert self._port.proxy_header is not None
        if not self._port.proxy_header.covers(self._peer):
            self._fail("it is none of the proxies that may connect to this port")
            return
        self._host.room.stand(self, State.HEAD, self._host.time())
        if not self._read():  # mostly it is there already
            self._host.loop.add_reader(self._sock, self._read)

    def expire(self, now: float) -> None:  # noqa: ARG002
        """Give up."""
        self._fail("its PROXY header did not arrive in time")

    def close_when_done(self) -> None:
        """Close: nothing has begun."""
        self.leave()

    def serve_last(self) -> None:
        """Go on: the request that has begun comes after the header."""

    def leave(self) -> None:
        """Close."""
        self._stop()
        self._sock.close()
        self._host.preface_closed(self)

    def stirs(self, now: float) -> bool:  # noqa: ARG002
        """See `_room.Client`."""
        return has_unread(self._sock.fileno())

    def give_way(self) -> None:
        """See `_room.Client`."""
        self.leave()

    def _stop(self) -> None:
        self._host.loop.remove_reader(self._sock)
        self._host.room.forget(self)

    def _fail(self, why: str) -> None:
        _log.warning("a connection of %s was closed: %s", self._peer.decode() or "a client", why)
        self.leave()

    def _read(self) -> bool:
        """Take what has come, and go on when the header is whole; tell whether that is over."""
        try:
            if not self._receive():
                return False
            ends = read_header(bytes(self._data))
        except BlockingIOError:
            return False
        except OSError:
            self.leave()
        except ProxyHeaderError as error:
            self._fail(f"its PROXY header can't be read ({error})")
        else:
            self._stop()
            self._host.preface_read(self, self._sock, Arrival(self._port, ends))
        return True

    def _receive(self) -> bool:
        """Take what has come of the header, and nothing beyond it; tell whether it is whole."""
        size = self._size
        if not size:
            seen = self._sock.recv(START, socket.MSG_PEEK)
            self._size = measure(bytes(self._data) + seen)
            size = self._size or len(self._data) + len(seen)
        data = self._sock.recv(size - len(self._data))
        if not data:
            raise ProxyHeaderError("it is cut") if self._data else ConnectionError
        self._data += data
        return 0 < self._size <= len(self._data)


def _address(sock: socket.socket) -> bytes:
    if sock.family == socket.AF_UNIX:
        return UNIX
    try:
        return canonical(sock.getpeername()[0].encode())
    except OSError:  # it has left
        return b""
