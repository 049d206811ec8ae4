"""A client's connection after a switch of protocols: bytes go both ways, whatever they are.

A `Stream` takes the place of the `Connection` as the protocol of the client's transport. It owns
the descriptor that the handler has sent; asyncio owns the client's socket. When one side sends no
more, the other one is told so, and may go on until it has finished as well. What a side sent before
its end reaches the other one, as long as that takes it.

Neither side is read while the other takes nothing, so a stream holds at most what was read from
each side at once. Called in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
from collections.abc import Callable
from enum import Enum

from ._interface import ServedConnection, Surroundings
from ._limits import LINGER_TIME, PIECE, QUIET_TIME
from ._peer import Peer
from ._room import Client
from ._states import State
from ._wire import Wire

_DONTWAIT = int(socket.MSG_DONTWAIT)
_IN, _OUT = int(select.EPOLLIN), int(select.EPOLLOUT)
_HANGUP = int(select.EPOLLHUP | select.EPOLLERR)


class _Ended(Enum):
    """Which sides will send nothing more."""

    NONE = 0
    CLIENT = 1
    HANDLER = 2
    BOTH = 3


_NONE, _CLIENT, _HANDLER, _BOTH = _Ended
_CLIENT_ENDED = (_CLIENT, _BOTH)
_HANDLER_ENDED = (_HANDLER, _BOTH)
_AFTER_CLIENT = {_NONE: _CLIENT, _HANDLER: _BOTH}
_AFTER_HANDLER = {_NONE: _HANDLER, _CLIENT: _BOTH}


class Stream(asyncio.Protocol):
    """See the module. `deadline` and `write_deadline` are looked at by the server's sweep."""

    __slots__ = (
        "_active",
        "_count_in",
        "_count_out",
        "_ended",
        "_events",
        "_fd",
        "_lost",
        "_patience",
        "_pending",
        "_server",
        "_sock",
        "_transport",
        "_wire",
        "deadline",
        "line",
        "on_end",
        "peer",
        "write_deadline",
    )

    def __init__(self, server: Surroundings, wire: Wire, peer: Peer, sock: socket.socket) -> None:
        """Own `sock`; nothing is copied before `start`."""
        self._server = server
        self._wire = wire
        self._transport = wire.transport
        self._sock: socket.socket | None = sock
        self._fd = sock.fileno()
        self._events = 0  # that the descriptor is watched for
        self._pending: memoryview | None = None  # of the client, for the handler
        self._ended = _NONE
        self._lost = False  # asyncio has closed the client's socket
        self._active = server.time()
        self._patience = server.limits.stream_idle_time
        self._count_in = self._count_out = 0  # bytes for the handler, and for the client
        self.on_end: Callable[[int, int], object] | None = None
        """Called once, with the bytes that have gone to the client and to the handler."""
        self.peer = peer
        self.line: dict[Client, float] | None = None
        self.deadline = self._active + self._patience
        self.write_deadline = math.inf

    def start(self, connection: ServedConnection, ahead: bytes) -> None:
        """Take the connection's place, and begin with bytes that the client has sent already."""
        self._server.connection_switched(connection, self)
        self.write_deadline = connection.write_deadline  # the client may have yet to read
        self._transport.set_protocol(self)
        self._server.room.stand(self, State.STREAM, self._active)
        self._wire.release()
        if ahead:
            self.data_received(ahead)
        self._watch()

    # What the event loop calls

    def data_received(self, data: bytes) -> None:
        """Hand bytes of the client to the handler, now or as soon as it takes them."""
        if self._pending is not None:  # TLS had it already when reading was paused
            self._pending = memoryview(b"".join((self._pending, data)))
            return
        sent = self._send_some(data)
        if sent < len(data):
            self._pending = memoryview(data)[sent:]
            if not self._transport.is_closing():
                self._transport.pause_reading()
            self._watch()

    def eof_received(self) -> bool:
        """Tell the handler that the client sends no more."""
        self._ended = _AFTER_CLIENT[self._ended]
        if self._pending is None:
            self._shut_down(socket.SHUT_WR)
        if self._ended is _BOTH:
            self._close()
        return self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`; what came before the client's end still goes to the handler."""
        self._lost = True
        if exc is not None or self._ended not in _CLIENT_ENDED or self._pending is None:
            self._drop()
        self._watch()
        self._forget_if_over()

    def pause_writing(self) -> None:
        """Stop reading the handler: the client doesn't keep up."""
        self._wire.mark()
        self.write_deadline = self._server.time() + self._server.limits.body_time
        self._watch()

    def resume_writing(self) -> None:
        """Read the handler again."""
        self.write_deadline = math.inf
        self._watch()

    # What the server and the room call

    def expire(self, now: float) -> None:
        """Deal with a deadline that may have passed."""
        if self._wire.has_read():
            self._active = now
        elif now >= self.write_deadline:
            self.leave()
            return
        if now >= self.write_deadline:
            self.write_deadline = now + self._server.limits.body_time
        self.deadline = self._active + self._patience
        if now >= self.deadline:
            self.leave()

    def close_when_done(self) -> None:
        """Go on: nobody but its two sides knows when a stream is done."""

    def serve_last(self) -> None:
        """Go on."""

    def stirs(self, now: float) -> bool:
        """See `_room.Client`."""
        return now - self._active < QUIET_TIME

    def give_way(self) -> None:
        """See `_room.Client`."""
        self.leave()

    def leave(self) -> None:
        """Cut the stream."""
        self._drop()
        if self._lost:
            self._forget_if_over()
        else:
            self._wire.abort()
            self._tell_end()

    # The handler's side

    def _watch(self) -> None:
        """Watch the descriptor for what can be done with it now, and for nothing else."""
        if self._sock is None:
            return
        before = self._events
        reads = self._ended not in _HANDLER_ENDED and self.write_deadline == math.inf
        self._events = events = (_IN if reads and not self._lost else 0) | (
            0 if self._pending is None else _OUT
        )
        poller = self._server.poller
        if not before and events:
            poller.add(self._fd, events, self._ready)
        elif before and not events:  # else the end of the handler would make events without end
            poller.remove(self._fd)
        elif before != events:
            poller.modify(self._fd, events)

    def _ready(self, events: int) -> None:
        if self._pending is not None and events & ~_IN:
            self._flush(self._pending)
        if self._events & _IN and events & ~_OUT:
            self._read(hung_up=bool(events & _HANGUP))

    def _send_some(self, data: bytes | memoryview) -> int:
        """Return how many bytes the handler has taken: all, if it wants none any more."""
        if self._sock is None:
            return len(data)
        try:
            sent = self._sock.send(data, _DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)
        self._active = self._server.time()
        self._count_in += sent
        return sent

    def _flush(self, pending: memoryview) -> None:
        sent = self._send_some(pending)
        self._pending = pending[sent:] if sent < len(pending) else None
        if self._pending is not None:
            return
        if self._ended not in _CLIENT_ENDED:
            if not self._transport.is_closing():
                self._transport.resume_reading()
        elif self._lost or self._ended is _BOTH:
            self._drop()
            self._forget_if_over()
        else:
            self._shut_down(socket.SHUT_WR)
        self._watch()

    def _read(self, *, hung_up: bool) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(PIECE, _DONTWAIT)
        except BlockingIOError:
            return
        except OSError:  # it has closed without a look at the last bytes of the client
            data = b""
        if data:
            self._active = self._server.time()
            self._count_out += len(data)
            self._transport.write(data)
        else:
            self._handler_ended(hung_up)

    def _handler_ended(self, hung_up: bool) -> None:
        """Tell the client that the handler sends no more; one that reads no more ends it soon."""
        self._ended = _AFTER_HANDLER[self._ended]
        self._watch()
        if self._ended is _BOTH or not self._transport.can_write_eof():
            self._close()
            return
        soon = hung_up and not self._transport.get_write_buffer_size()
        self._wait(LINGER_TIME if soon else self._server.limits.body_time)
        if not self._transport.is_closing():
            self._transport.write_eof()

    # The end

    def _wait(self, patience: float) -> None:
        """Wait for the client's end, or until nothing has moved for that long."""
        self._wire.mark()
        self._patience = patience
        self._active = now = self._server.time()
        self.deadline = now + patience
        self._server.room.stand(self, State.CLOSING, now)

    def _close(self) -> None:
        """Close the client's connection when it has taken what is unsent."""
        self._wait(self._server.limits.body_time)
        if self._pending is None:
            self._drop()
        self._transport.close()

    def _shut_down(self, how: int) -> None:
        if self._sock is not None:
            try:
                self._sock.shutdown(how)
            except OSError:  # the other side is gone
                pass

    def _drop(self) -> None:
        """Close the descriptor. The handler sees that even if it has kept a copy of it."""
        if self._sock is not None:
            if self._events:
                self._events = 0
                self._server.poller.remove(self._fd)
            self._pending = None
            self._shut_down(socket.SHUT_RDWR)
            self._sock.close()
            self._sock = None

    def _forget_if_over(self) -> None:
        if self._lost and self._sock is None:
            self._server.room.forget(self)
            self._server.connection_closed(self)
            self._tell_end()

    def _tell_end(self) -> None:
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end(self._count_out, self._count_in)
