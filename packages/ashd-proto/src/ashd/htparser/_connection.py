"""The client's side: one connection, its requests one after another.

An asyncio protocol without tasks or futures. `_receive` is what is done with the next bytes, one
method for each stage: a head, a body, bytes that were sent ahead, bytes that nobody wants. The next
request starts when the response before it is complete; until then what the client sends ahead is
held, within a bound.

A client that closes its side has left, even if it only shut its sending side down: nothing tells
the two apart before something is written, and a handler shall not work for nobody.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ashd.proto import encode_request

from ._body import BodyReader, body_reader
from ._errors import RequestError
from ._exchange import Exchange
from ._head import RequestHead, take_head
from ._limits import LINGER_TIME, MAX_HELD, RETRY_AFTER
from ._pages import error_page
from ._portspec import Port
from ._response import ResponseFramer

if TYPE_CHECKING:
    from ._server import Server

_LEFT = select.EPOLLRDHUP | select.EPOLLONESHOT
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RETRY = b"Retry-After: %d\r\n" % RETRY_AFTER
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """See the module. The server gives the surroundings: limits, clock, handler, poller."""

    __slots__ = (
        "_ash_headers",
        "_body",
        "_buffer",
        "_exchange",
        "_expects_continue",
        "_fd",
        "_head_only",
        "_port",
        "_reading_paused",
        "_receive",
        "_server",
        "_transport",
        "_unwritten",
        "deadline",
        "idle",
        "write_deadline",
    )

    def __init__(self, server: Server, port: Port) -> None:
        """Wait for `connection_made`."""
        self._server = server
        self._port = port
        self._transport = cast("asyncio.Transport", None)
        self._fd = -1
        self._buffer = b""
        self._receive: Callable[[bytes], None] = self._receive_head
        self._exchange: Exchange | None = None
        self._body: BodyReader | None = None
        self._expects_continue = False
        self._head_only = False
        self._reading_paused = False
        self._unwritten = 0
        self._ash_headers: list[tuple[bytes, bytes]] = []
        self.idle = False  # only between requests: a new client gets its time for the first one
        self.deadline = server.now + server.limits.head_time
        self.write_deadline = math.inf

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._fd = transport.get_extra_info("socket").fileno()
        self._server.connection_opened(self)
        self._ash_headers = self._server.ash_headers(self._port, transport)
        if not self._ash_headers:
            self._leave()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._receive(data)

    def eof_received(self) -> None:
        """Take the client's end-of-file as its leaving, while it waits for a response."""
        if self._exchange is not None:
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.Protocol`."""
        if self._exchange is not None:
            self._exchange.abort()
            self._exchange = None
        if self._reading_paused:
            self._server.poller.forget(self._fd)
        self._server.connection_closed(self)

    def pause_writing(self) -> None:
        """Stop reading the response: the client doesn't keep up."""
        if self._exchange is not None:
            self._exchange.pause()
        self._unwritten = self._transport.get_write_buffer_size()
        self.write_deadline = self._server.now + self._server.limits.body_time

    def resume_writing(self) -> None:
        """Read the response again."""
        self.write_deadline = math.inf
        if self._exchange is not None:
            self._exchange.resume()

    # What the server calls

    def expire(self, now: float) -> None:
        """Deal with a deadline that has passed."""
        if now >= self.write_deadline and not self._written_some(now):
            self._leave()
        elif now < self.deadline:
            return
        elif self._body is not None and self._exchange is not None:
            self._refuse(408, "The request body did not arrive in time.")
        elif self._buffer:
            self._refuse(408, "The request head did not arrive in time.")
        elif self.idle:
            self._transport.close()
        elif self._written_some(now):
            self.deadline = now + LINGER_TIME
        else:
            self._transport.abort()

    def leave(self) -> None:
        """Cut whatever is going on."""
        self._leave()

    def close_when_done(self) -> None:
        """Serve no request but the one that is being served."""
        if self._exchange is not None:
            self._exchange.forbid_keep_alive()
        elif self._receive == self._receive_head:
            self._transport.close()

    # What the exchange calls

    def exchange_connected(self) -> None:
        """A handler has the request: it gets the body now."""
        if self._body is None:
            return
        self._receive = self._receive_body
        self.deadline = self._server.now + self._server.limits.body_time
        data, self._buffer = self._buffer, b""
        if data:
            self._receive_body(data)
        elif self._expects_continue:
            self._transport.write(_CONTINUE)
        self._resume_when_possible()

    def exchange_data(self, data: bytes) -> None:
        """Send a piece of the response."""
        self._transport.write(data)

    def exchange_ready(self) -> None:
        """Read more of the body."""
        if self._body is not None:
            self.deadline = self._server.now + self._server.limits.body_time
        self._resume_when_possible()

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None:
        """The response is over: close, or go on with the next request."""
        self._exchange = None
        if reset:
            self._reset()
        elif not keep_alive:
            self._close()
        elif self._body is not None:
            self._receive = self._receive_unwanted_body
            self.deadline = self._server.now + LINGER_TIME
            self._resume_reading()
        else:
            self._next_request()

    def exchange_failed(self, status: int, detail: str) -> None:
        """There is no response but an error page."""
        self._exchange = None
        self._refuse(status, detail)

    # What is done with the next bytes

    def _receive_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        elif self.idle:
            self.idle = False
            self.deadline = self._server.now + self._server.limits.head_time
        try:
            head, self._buffer = take_head(data, self._server.limits)
        except RequestError as error:
            self._head_only = data[:5] == b"HEAD "
            self._refuse(error.status, str(error))
            return
        if head is not None:
            self._start(head)

    def _receive_body(self, data: bytes) -> None:
        body, exchange = self._body, self._exchange
        assert body is not None
        assert exchange is not None
        try:
            payload = body.feed(data)
        except RequestError as error:
            self._refuse(error.status, str(error))
            return
        full = bool(payload) and not exchange.send_body(payload)
        if not body.complete:
            self.deadline = math.inf if full else self._server.now + self._server.limits.body_time
            if full:
                self._pause_reading()
            return
        self._body = None
        self._buffer = body.rest
        self._receive = self._receive_ahead
        self.deadline = math.inf
        if full or len(self._buffer) > MAX_HELD:
            self._pause_reading()
        exchange.end_body()  # last, as it may be the end of the exchange

    def _receive_ahead(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_HELD:
            self._pause_reading()

    def _receive_unwanted_body(self, data: bytes) -> None:
        assert self._body is not None
        try:
            self._body.feed(data)
        except RequestError as error:
            self._refuse(error.status, str(error))
            return
        if self._body.complete:
            self._buffer, self._body = self._body.rest, None
            self._next_request()

    def _receive_nothing(self, data: bytes) -> None:
        pass

    # Steps

    def _start(self, head: RequestHead) -> None:
        server = self._server
        self._head_only = head.method == b"HEAD"
        self._expects_continue = head.expects_continue
        framer = ResponseFramer(
            head_only=self._head_only,
            current=head.version == b"HTTP/1.1",
            keep_alive=head.keep_alive and not server.stopping,
        )
        datagram = encode_request(*head[:4], head.headers + self._ash_headers + server.framing)
        exchange = self._exchange = Exchange(self, server.poller, framer, datagram)
        self._body = body_reader(head.length, server.limits.body_size)
        if self._body is None:
            exchange.end_body()
        if self.write_deadline < math.inf:
            exchange.pause()  # the response before this one is still on its way
        self._receive = self._receive_ahead
        self.deadline = math.inf
        server.queue.submit(exchange, server.now + server.limits.queue_time)

    def _next_request(self) -> None:
        self._receive = self._receive_head
        self.deadline = self._server.now + self._server.limits.idle_time
        self.idle = True
        self._resume_reading()
        if self._server.stopping:
            self._close()
        elif self._buffer:
            data, self._buffer = self._buffer, b""
            self._receive_head(data)

    def _refuse(self, status: int, detail: str) -> None:
        """Answer with an error page, unless a response has begun, and close."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()
            if exchange.started:
                self._leave()
                return
        extra = _RETRY if status == 503 else b""
        page = error_page(status, detail, body=not self._head_only, extra=extra)
        self._transport.write(page)
        self._linger()

    def _close(self) -> None:
        if self._body is None and not self._buffer and not self._reading_paused:
            self._receive = self._receive_nothing
            self.deadline = self._server.now + self._server.limits.body_time
            self._unwritten = self._transport.get_write_buffer_size()
            self._transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close once the client has closed, or after a while: see `LINGER_TIME`."""
        self._receive = self._receive_nothing
        self._body = None
        self._buffer = b""
        self.idle = False
        self.deadline = self._server.now + LINGER_TIME
        self._unwritten = self._transport.get_write_buffer_size()
        if self._transport.can_write_eof():
            self._resume_reading()
            self._transport.write_eof()
        else:
            self._transport.close()

    def _leave(self) -> None:
        """The client has left, or must see at once that its response is cut."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()
        self._receive = self._receive_nothing
        if self._reading_paused:
            self._reading_paused = False
            self._server.poller.remove(self._fd)
        self._transport.abort()

    def _reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._leave()

    def _written_some(self, now: float) -> bool:
        unwritten = self._transport.get_write_buffer_size()
        progress = unwritten < self._unwritten
        self._unwritten = unwritten
        self.write_deadline = now + self._server.limits.body_time
        return progress

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._reading_paused = True
            self._transport.pause_reading()
            self._server.poller.add(self._fd, _LEFT, self._client_left)

    def _resume_when_possible(self) -> None:
        exchange = self._exchange
        if len(self._buffer) <= MAX_HELD and not (exchange and exchange.full):
            self._resume_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._server.poller.remove(self._fd)
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _client_left(self, _: int) -> None:
        self._leave()
