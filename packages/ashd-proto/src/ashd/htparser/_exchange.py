"""One request on its way: the front end's end of a response socket.

The request body goes in, the response comes out, both without blocking and with back-pressure: the
client is not read while the handler takes nothing, the handler not while the client takes nothing.
So an exchange holds at most what was read from one side at once.

An exchange owns its end of the response socket, and closes it exactly once: when the response is
complete, or in full when the client is gone, which is how the handler learns of it.
"""

from __future__ import annotations

import logging
import select
import socket
from typing import Protocol

from ashd.proto._text import MAX_LOGGED, printable

from ._errors import ResponseError
from ._limits import FIRST_PIECE, PIECE
from ._poller import Poller
from ._response import ResponseFramer
from ._switch import Handover

_log = logging.getLogger("ashd.htparser")
_DONTWAIT = int(socket.MSG_DONTWAIT)
_HANGUP = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
# Edge-triggered: registered once, nothing to change while reading is paused.
_READ = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_READ_WRITE = _READ | select.EPOLLOUT
_NAMED = 2 * MAX_LOGGED  # bytes of a datagram that are kept for the log: method and url come first


class Client(Protocol):
    """What an exchange needs of the client's connection."""

    def exchange_data(self, data: bytes) -> None:
        """Send bytes to the client."""

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None:
        """Take note that the response is over; the exchange has closed its socket."""

    def exchange_switched(self, sock: socket.socket) -> None:
        """Copy bytes between the client and `sock`, and own it; the exchange is over."""

    def exchange_failed(self, status: int, detail: str) -> None:
        """Answer the client with an error page; the exchange has closed its socket."""


class Body(Protocol):
    """A request body, as its exchange sees it."""

    def begin(self, exchange: Exchange) -> None:
        """Take note that a handler has the request: send what is there, then what comes."""

    def go_on(self) -> None:
        """Take note that the handler can take more."""


class Exchange:
    """See the module."""

    __slots__ = (
        "_body",
        "_body_ended",
        "_client",
        "_exhaust",
        "_fd",
        "_handover",
        "_held",
        "_in_line",
        "_paused",
        "_pending",
        "_poller",
        "_request",
        "_sock",
        "datagram",
        "expires",
        "framer",
    )

    def __init__(
        self,
        client: Client,
        poller: Poller,
        framer: ResponseFramer,
        datagram: bytes,
        body: Body | None = None,
    ) -> None:
        """Prepare to send `datagram`; there is no socket before `connect`."""
        self._client = client
        self._poller = poller
        self.framer = framer
        self._request = datagram[:_NAMED]
        self.datagram = datagram
        self.expires = 0.0
        self._sock: socket.SocketType | None = None
        self._fd = -1
        self._pending: memoryview | None = None
        self._body = body
        self._body_ended = body is None
        self._paused = False
        self._exhaust = False  # there may be bytes that no event tells of
        self._held = b""  # for the client, together with what comes next
        self._in_line = False
        self._handover: Handover | None = None

    @property
    def waiting(self) -> bool:
        """Whether the request is still to be handed to a handler."""
        return bool(self.datagram)

    @property
    def started(self) -> bool:
        """Whether the client got the head of a response already."""
        return self.framer.started

    @property
    def full(self) -> bool:
        """Whether the handler has to read before it can take more of the body."""
        return self._pending is not None

    def allow_switch(self) -> None:
        """Let the handler take the client's bytes over, as the client has asked for it."""
        self._handover = Handover(self.framer)

    def connect(self, sock: socket.SocketType) -> None:
        """Go on with this end of a response socket, whose other end a handler has got."""
        self.datagram = b""
        self._sock = sock
        self._fd = sock.fileno()
        self._poller.add(self._fd, _READ, self._ready)
        if self._body is None:
            self._end_when_flushed()
        else:
            self._body.begin(self)

    def send_body(self, data: bytes) -> bool:
        """Pass on a piece of the request body; False when it must be the last one for now.

        `Body.go_on` says when there may be more. A handler that wants no more of the
        body loses nothing but that: its response still counts.
        """
        sent = self._send_some(data)
        if sent == len(data):
            return True
        self._pending = memoryview(data)[sent:]
        self._poller.modify(self._fd, _READ_WRITE)
        return False

    def end_body(self) -> None:
        """Let the handler see the end of the body, after all that was sent."""
        self._body_ended = True
        self._end_when_flushed()
        if self.framer.complete and self._pending is None:
            self._finish()

    def pause(self) -> None:
        """Stop reading the response."""
        self._paused = True

    def resume(self) -> None:
        """Go on reading the response."""
        self._paused = False
        self._exhaust = True
        self._read_later()

    def forbid_keep_alive(self) -> None:
        """Close the connection after this response, and say so if its head is still to come."""
        self.framer.keep_alive = False

    def abort(self) -> None:
        """Close the response socket in full; the client is gone or has got another answer."""
        self.datagram = b""
        self._close()

    def fail(self, status: int, detail: str) -> None:
        """Give up before a response has begun."""
        self.abort()
        self._client.exchange_failed(status, detail)

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT and self._pending is not None:
            self._flush(self._pending)
        if events & _HANGUP:
            self._exhaust = True  # otherwise the next byte makes an event of its own
        if self.framer.started and not self._paused:
            self._read_later()  # new responses come first
        else:
            self._read()

    def _send_some(self, data: bytes | memoryview) -> int:
        """Return how many bytes the handler has taken: all, if it wants none any more."""
        assert self._sock is not None
        try:
            return self._sock.send(data, _DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def _flush(self, pending: memoryview) -> None:
        sent = self._send_some(pending)
        if sent < len(pending):
            self._pending = pending[sent:]
            return
        self._pending = None
        self._poller.modify(self._fd, _READ)
        self._end_when_flushed()
        if self.framer.complete and self._body_ended:
            self._finish()
        elif self._body is not None:
            self._body.go_on()

    def _end_when_flushed(self) -> None:
        if self._body_ended and self._pending is None and self._sock is not None:
            self._sock.shutdown(socket.SHUT_WR)  # no error, even if the handler has closed

    def _read_later(self) -> None:
        """Read more when everybody else had a turn."""
        if not self._in_line:
            self._in_line = True
            self._poller.later(self._read_in_line)

    def _read_in_line(self) -> None:
        self._in_line = False
        self._read()

    def _read(self) -> None:
        """Read a piece; if it was a short one, also what no event would tell of."""
        while self._sock is not None and not self._paused:
            started = self.framer.started
            size = PIECE if started else FIRST_PIECE
            try:
                if started or self._handover is None:
                    data = self._sock.recv(size, _DONTWAIT)
                else:
                    data = self._handover.receive(self._sock, size)
                    self._exhaust = True  # a descriptor ends what is read at once
            except BlockingIOError:
                self._exhaust = False
                self._send(b"")
                return
            except OSError:
                self._take_end(cut=True)
                return
            if not data:
                self._take_end(cut=False)
                return
            if not self.framer.complete:
                self._take(data, self._exhaust and len(data) < size)
            if len(data) == size:
                self._read_later()
                return
            if not self._exhaust:
                return

    def _take(self, data: bytes, end_is_near: bool) -> None:
        try:
            output = self.framer.feed(data)
        except ResponseError as error:
            self._fail_for(error)
            return
        if end_is_near and not (self._held or self.framer.complete or self.framer.fault):
            self._held = output
            return
        self._send(output)
        if self.framer.fault:
            self._complain("the response was cut", self.framer.fault)
            self._finish()
        elif self.framer.complete and self._body_ended and self._pending is None:
            self._finish()

    def _take_end(self, *, cut: bool) -> None:
        if self.framer.switched and not self._body_ended:
            return  # what follows the body belongs to the stream
        try:
            output = b"" if self.framer.complete else self.framer.end(cut=cut)
        except ResponseError as error:
            self._fail_for(error)
            return
        self._send(output)
        self._finish()

    def _send(self, output: bytes) -> None:
        if self._held:
            output = self._held + output
            self._held = b""
        if output:
            self._client.exchange_data(output)

    def _fail_for(self, error: ResponseError) -> None:
        self._complain("answered with 502", str(error))
        self.fail(502, str(error))

    def _complain(self, what: str, why: str) -> None:
        method, url = (self._request + b"\0").split(b"\0", 2)[:2]
        watcher = self.framer.watcher
        named = {"request_id": watcher.request_id() if watcher is not None else ""}
        _log.warning("%s %s: %s: %s", printable(method), printable(url), what, why, extra=named)

    def _finish(self) -> None:
        if self.framer.switched and self._handover is not None:
            sock = self._handover.take()
            self._close()
            self._client.exchange_switched(sock)
            return
        if self.framer.head_only:
            self._poller.drain(self._release())
        else:
            self._close()
        self._client.exchange_done(
            keep_alive=self.framer.keep_alive and self.framer.complete,
            reset=self.framer.must_reset,
        )

    def _release(self) -> socket.SocketType:
        sock = self._sock
        assert sock is not None
        self._poller.remove(self._fd)
        self._sock = None
        self._drop_handover()
        return sock

    def _drop_handover(self) -> None:
        if self._handover is not None:
            self._handover.close()

    def _close(self) -> None:
        self._pending = None
        self._drop_handover()
        if self._sock is not None:
            self._poller.forget(self._fd)
            self._sock.close()
            self._sock = None
