"""Requests on their way into the root handler's socket.

Called in the event loop's thread; a `RequestQueue` is made before there is a loop. It owns a front
end's end of the handler's socket, which several processes may share, and keeps what the socket has
no room for. Of that, the oldest request and the newest go in turns: a flood delays those who come
after it by little more than what lies in the socket, and all of it gets through. What lies in the
socket is the business of `_keeper`.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from _socket import socketpair as raw_socketpair
from collections import deque
from collections.abc import Callable

from ._exchange import Exchange
from ._limits import LONGEST_REQUEST, REQUESTS_LYING
from ._poller import Poller

# socket.socketpair() wraps these in a class of its own, at the cost of two system calls and several
# microseconds a request; nothing of that class is needed here.
_LEVEL, _RIGHTS = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS)
_DONTWAIT = int(socket.MSG_DONTWAIT)
_pack = struct.Struct("i").pack


class RequestQueue:
    """See the module."""

    def __init__(self, sock: socket.socket) -> None:
        """Own the socket."""
        self._sock = sock
        self._broken = False
        self._waiting: deque[Exchange] = deque()
        self._newest_next = False
        self._poller: Poller | None = None
        self._on_send: Callable[[bytes], object] | None = None

    def fileno(self) -> int:
        """Return the socket's descriptor, still owned; -1 after `end`."""
        return self._sock.fileno()

    @property
    def crowded(self) -> bool:
        """Whether requests wait for room in the socket."""
        return bool(self._waiting)

    def attach(self, poller: Poller) -> None:
        """Work in an event loop."""
        self._poller = poller
        poller.add(self._sock.fileno(), 0, self._socket_ready)

    def tell_next(self, callback: Callable[[bytes], object]) -> None:
        """Call back, once, with the next datagram that is sent."""
        self._on_send = callback

    def replace(self, sock: socket.socket) -> None:
        """Own another socket instead: a handler has shut the one before down."""
        assert self._poller is not None
        self._close()
        self._sock = sock
        self._broken = False
        self.attach(self._poller)

    def submit(self, exchange: Exchange, expires: float) -> None:
        """Hand a request to the handler, or keep it until there is room for it or it expires."""
        exchange.expires = expires
        if self._waiting or not self._send(exchange):
            self._waiting.append(exchange)

    def sweep(self, now: float) -> None:
        """Give up on requests that waited too long; try the others again."""
        while self._waiting and (not self._waiting[0].waiting or now >= self._waiting[0].expires):
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, "The server is overloaded.")
        self._send_waiting()

    def end(self) -> None:
        """Close the socket: the handler sees end-of-file after what is in it."""
        self._close()
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, "The server is shutting down.")

    def _close(self) -> None:
        if self._poller is not None:
            self._poller.forget(self._sock.fileno())
        self._sock.close()

    def _socket_ready(self, events: int) -> None:
        if events & (select.EPOLLHUP | select.EPOLLERR):
            self._break()
        self._send_waiting()

    def _break(self) -> None:
        """A handler has shut the socket down: no request gets through, and nothing is watched."""
        assert self._poller is not None
        self._broken = True
        self._poller.remove(self._sock.fileno())

    def _send_waiting(self) -> None:
        if not self._waiting:
            return
        while self._waiting:
            newest = self._newest_next
            exchange = self._waiting.pop() if newest else self._waiting.popleft()
            if exchange.waiting and not self._send(exchange):
                (self._waiting.append if newest else self._waiting.appendleft)(exchange)
                return
            self._newest_next = not newest
        self._watch(0)

    def _watch(self, events: int) -> None:
        if self._poller is not None and not self._broken:
            self._poller.modify(self._sock.fileno(), events)

    def _send(self, exchange: Exchange) -> bool:
        """Send a request with its response socket; False when it has to wait."""
        try:
            ours, theirs = raw_socketpair()
        except OSError:
            self._watch(0)  # out of descriptors: the sweep tries again
            return False
        try:
            rights = (_LEVEL, _RIGHTS, _pack(theirs.fileno()))
            try:
                self._sock.sendmsg([exchange.datagram], [rights], _DONTWAIT)
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                self._send_large(exchange.datagram, rights)
        except OSError as error:
            ours.close()
            return self._not_sent(exchange, error)
        finally:
            theirs.close()
        if self._on_send is not None:
            self._on_send(exchange.datagram)
            self._on_send = None
        exchange.connect(ours)
        return True

    def _send_large(self, datagram: bytes, rights: tuple[int, int, bytes]) -> None:
        """Send a request that is larger than what may usually lie in the socket."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
        try:
            self._sock.sendmsg([datagram], [rights], _DONTWAIT)
        finally:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUESTS_LYING)

    def _not_sent(self, exchange: Exchange, error: OSError) -> bool:
        """Return whether the request is done with; it may wait for anything that can pass.

        Waiting for room in the queue is left to the poller; the rest (no memory, too many
        descriptors in flight) isn't seen there, and is left to the sweep.
        """
        if error.errno == errno.EMSGSIZE:
            exchange.fail(431, "The request head is too large for the handler's socket.")
            return True
        if error.errno == errno.EPIPE:
            self._break()
        self._watch(select.EPOLLOUT if isinstance(error, BlockingIOError) else 0)
        return False
