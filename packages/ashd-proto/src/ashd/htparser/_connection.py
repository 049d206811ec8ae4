"""The client's side: one connection, its requests one after another.

An asyncio protocol without tasks or futures. `_states` says what it can be doing, `_reader` what
the client's bytes mean. The next request starts when the response before it is complete; until then
what the client sends ahead is held, within a bound.

A client that closes its side has left, even if it only shut its sending side down: nothing tells
the two apart before something is written, and no handler should work for nobody.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import struct
from typing import Protocol, cast

from ashd.proto import encode_request
from ashd.proto._codec import add_headers, encode_headers

from ._errors import RequestError
from ._exchange import Exchange
from ._head import Headers, RequestHead
from ._limits import LINGER_TIME, MAX_HELD, RETRY_AFTER, Limits
from ._pages import error_page
from ._poller import Poller
from ._portspec import Port
from ._queue import RequestQueue
from ._reader import END, RequestReader
from ._response import ResponseFramer
from ._room import Client, Room
from ._states import FOLLOWERS, GIVING_WAY, READING, State

_LEFT = select.EPOLLRDHUP | select.EPOLLONESHOT
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RETRY = b"Retry-After: %d\r\n" % RETRY_AFTER
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Surroundings(Protocol):
    """What all connections share; the server."""

    limits: Limits
    poller: Poller
    queue: RequestQueue
    framing: bytes
    room: Room
    stopping: bool

    def time(self) -> float:
        """Return the event loop's time."""

    def connection_opened(self, connection: Connection) -> None:
        """Count a connection, and look after its deadlines."""

    def connection_closed(self, connection: Connection) -> None:
        """Forget a connection."""

    def ash_headers(self, port: Port, transport: asyncio.BaseTransport) -> Headers:
        """Return what handlers are told about a connection; nothing when it is gone already."""


class Connection(asyncio.Protocol):
    """See the module. `deadline` and `write_deadline` are looked at by the server's sweep."""

    __slots__ = (
        "_ash_headers",
        "_encoded_headers",
        "_exchange",
        "_fd",
        "_head",
        "_held_body",
        "_port",
        "_reader",
        "_reading_paused",
        "_server",
        "_state",
        "_time_left",
        "_transport",
        "_unwritten",
        "deadline",
        "line",
        "write_deadline",
    )

    def __init__(self, server: Surroundings, port: Port) -> None:
        """Wait for `connection_made`."""
        self._server = server
        self._port = port
        self._transport = cast("asyncio.Transport", None)
        self._fd = -1
        self._state = State.HEAD
        self._reader = RequestReader(server.limits)
        self._head: RequestHead | None = None
        self._exchange: Exchange | None = None
        self._held_body = bytearray()
        self._reading_paused = False
        self._time_left = 0.0  # for the body, when the handler will take more of it
        self._unwritten = 0
        self._ash_headers: Headers = []
        self._encoded_headers = b""
        self.line: dict[Client, float] | None = None
        self.deadline = server.time() + server.limits.head_time
        self.write_deadline = math.inf

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        server = self._server
        self._transport = cast("asyncio.Transport", transport)
        self._fd = transport.get_extra_info("socket").fileno()
        server.room.stand(self, State.HEAD, server.time())
        self._ash_headers = server.ash_headers(self._port, transport)
        self._encoded_headers = encode_headers(self._ash_headers)
        server.connection_opened(self)
        if not self._ash_headers:
            self._leave()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        state = self._state
        if state is State.CLOSING or state is State.CLOSED:
            return
        self._reader.feed(data)
        if state in READING:
            self._read()
        elif self._reader.buffer.size > MAX_HELD:
            self._pause_reading()

    def eof_received(self) -> None:
        """Take the client's end-of-file as its leaving, while it waits for a response."""
        if self._exchange is not None:
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.Protocol`."""
        self._drop_exchange()
        if self._reading_paused:
            self._server.poller.forget(self._fd)
        self._server.room.forget(self)
        self._server.connection_closed(self)

    def pause_writing(self) -> None:
        """Stop reading the response: the client doesn't keep up."""
        if self._exchange is not None:
            self._exchange.pause()
        self._unwritten = self._transport.get_write_buffer_size()
        self.write_deadline = self._server.time() + self._server.limits.body_time

    def resume_writing(self) -> None:
        """Read the response again."""
        self.write_deadline = math.inf
        if self._exchange is not None:
            self._exchange.resume()

    # What the server and the room call

    @property
    def address(self) -> bytes:
        """The client's address; empty when it was gone before anybody could ask."""
        return dict(self._ash_headers).get(b"X-Ash-Address", b"")

    def expire(self, now: float) -> None:
        """Deal with a deadline that has passed."""
        if now >= self.write_deadline and not self._written_some(now):
            self._leave()
        elif now >= self.deadline:
            self._time_is_up(now)

    def leave(self) -> None:
        """Cut whatever is going on."""
        self._leave()

    def close_when_done(self) -> None:
        """Serve no request but the one that is being served."""
        if self._exchange is not None:
            self._exchange.forbid_keep_alive()
        elif self._state is State.HEAD or self._state is State.IDLE:
            self._close()
        elif self._state is State.BODY_HELD:
            self.refuse(503, "The server is shutting down.")

    def has_sent(self) -> bool:
        """See `_room.Client`."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN | select.POLLRDHUP)
        return any(not events & _GONE for _, events in poll.poll(0))

    def give_way(self) -> None:
        """See `_room.Client`."""
        if self._state is not State.CLOSING and (
            self._head is not None or self._reader.buffer.size
        ):
            self.refuse(408, "The request did not arrive fast enough for a busy server.")
        if self._transport.get_write_buffer_size():
            self._leave()
        else:
            self._close()

    def refuse(self, status: int, detail: str, *, head_only: bool = False) -> None:
        """Answer with an error page, unless a response has begun, and close."""
        started = self._exchange is not None and self._exchange.started
        self._drop_exchange()
        if started:
            self._leave()
            return
        head_only = head_only or (self._head is not None and self._head.method == b"HEAD")
        extra = _RETRY if status == 503 else b""
        self._transport.write(error_page(status, detail, body=not head_only, extra=extra))
        self._linger()

    # What the exchange calls

    def exchange_connected(self) -> None:
        """A handler has the request: it gets the body now."""
        exchange, body = self._exchange, bytes(self._held_body)
        assert exchange is not None
        self._held_body = bytearray()
        if self._state is State.QUEUED:
            self._enter(State.BODY, self._server.limits.body_time)
            self._ask_for_body()
            self._send_body(exchange, body)
            self._resume_when_possible()
        elif body:
            exchange.send_body(body)
            exchange.end_body()

    def exchange_data(self, data: bytes) -> None:
        """Send a piece of the response."""
        self._transport.write(data)

    def exchange_ready(self) -> None:
        """Read more of the body."""
        if self._state is State.BODY:
            now = self._server.time()
            self.deadline = now + self._time_left
            self._server.room.stand(self, State.BODY, now)
        self._resume_when_possible()

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None:
        """The response is over: close, or go on with the next request."""
        self._exchange = None
        if reset:
            self._reset()
        elif not keep_alive:
            self._close_gently()
        elif self._state is State.BODY:
            self._enter(State.REST, LINGER_TIME)
            self._resume_reading()
        else:
            self._next_request()

    def exchange_failed(self, status: int, detail: str) -> None:
        """There is no response but an error page."""
        self._exchange = None
        self.refuse(status, detail)

    # Reading

    def _read(self) -> None:
        """Deal with what has been received, as far as the state allows."""
        reader = self._reader
        try:
            while self._state in READING and not (self._exchange and self._exchange.full):
                event = reader.next_event()
                if isinstance(event, RequestHead):
                    self._start(event)
                elif event is None:
                    self._wait_for_more()
                    return
                elif event is END:
                    self._body_is_whole()
                else:
                    self._pass_on(event)
        except RequestError as error:
            self.refuse(error.status, str(error), head_only=error.head_only)
            return
        if reader.buffer.size > MAX_HELD:
            self._pause_reading()

    def _wait_for_more(self) -> None:
        if self._state is State.IDLE and self._reader.buffer.size:
            self._enter(State.HEAD, self._server.limits.head_time)

    def _start(self, head: RequestHead) -> None:
        self._head = head
        limit = self._server.limits.buffer_body
        if head.length == 0:
            self._submit(State.RESPONSE)
        elif limit and (head.length is None or head.length <= limit):
            self._enter(State.BODY_HELD, self._server.limits.body_time)
            self._ask_for_body()
        else:
            self._submit(State.QUEUED)

    def _ask_for_body(self) -> None:
        if self._head is not None and self._head.expects_continue and not self._held_body:
            self._head = self._head._replace(expects_continue=False)
            if not self._reader.buffer.size:  # else the client didn't wait
                self._transport.write(_CONTINUE)

    def _pass_on(self, piece: bytes) -> None:
        self._body_came(len(piece))
        if self._state is State.BODY_HELD:
            self._held_body += piece
            if len(self._held_body) > self._server.limits.buffer_body:
                self._submit(State.QUEUED)
        elif self._exchange is not None:
            self._send_body(self._exchange, piece)

    def _send_body(self, exchange: Exchange, piece: bytes) -> None:
        if not exchange.send_body(piece):
            self._time_left = self.deadline - self._server.time()
            self.deadline = math.inf
            self._server.room.step_out(self)
            self._pause_reading()

    def _body_came(self, size: int) -> None:
        """Give the client time for the next bytes of its body: see `Limits.body_rate`."""
        now = self._server.time()
        limits = self._server.limits
        latest = now + limits.body_time
        if self._state is State.REST:
            return
        rate = limits.body_rate
        self.deadline = min(latest, self.deadline + size / rate) if rate else latest
        self._server.room.stand(self, self._state, now)

    def _body_is_whole(self) -> None:
        exchange = self._exchange
        if self._state is State.REST:
            self._next_request()
        elif exchange is None:
            self._submit(State.RESPONSE)
        else:
            self._enter(State.RESPONSE)
            exchange.end_body()  # last, as it may be the end of the exchange

    def _submit(self, state: State) -> None:
        """Hand the request to a handler; `state` is the one until a handler has it."""
        server, head = self._server, self._head
        assert head is not None
        self._enter(state)
        framer = ResponseFramer(
            head_only=head.method == b"HEAD",
            current=head.version == b"HTTP/1.1",
            keep_alive=head.keep_alive and not server.stopping,
        )
        datagram = add_headers(
            encode_request(*head[:4], head.headers), self._encoded_headers + server.framing
        )
        exchange = self._exchange = Exchange(self, server.poller, framer, datagram)
        if state is State.RESPONSE and not self._held_body:
            exchange.end_body()
        if self.write_deadline < math.inf:
            exchange.pause()  # the response before this one is still on its way
        server.queue.submit(exchange, server.time() + server.limits.queue_time)

    def _next_request(self) -> None:
        self._head = None
        self._enter(State.IDLE, self._server.limits.idle_time)
        self._resume_reading()
        if self._server.stopping:
            self._close_gently()
        elif self._reader.buffer.size:
            self._read()

    # The end

    def _enter(self, state: State, time: float = math.inf) -> None:
        """Change the state, for that many seconds at most."""
        assert state in FOLLOWERS[self._state], (self._state, state)
        self._state = state
        server = self._server
        now = server.time()
        self.deadline = now + time
        if state in GIVING_WAY:
            server.room.stand(self, state, now)
        elif self.line is not None:
            server.room.step_out(self)

    def _time_is_up(self, now: float) -> None:
        state = self._state
        if state is State.BODY_HELD or state is State.BODY:
            self.refuse(408, "The request body did not arrive in time.")
        elif state is State.HEAD and self._reader.buffer.size:
            self.refuse(408, "The request head did not arrive in time.")
        elif state is State.IDLE:
            self._close()
        elif self._written_some(now):
            self.deadline = now + LINGER_TIME
        else:
            self._leave()

    def _drop_exchange(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()

    def _close_gently(self) -> None:
        """Close after the response; not at once if a reset could destroy it on its way."""
        whole = self._state is State.RESPONSE or self._state is State.IDLE
        if whole and not self._reader.buffer.size and not self._reading_paused:
            self._close()
        else:
            self._linger()

    def _close(self) -> None:
        self._enter(State.CLOSED, self._server.limits.body_time)
        self._unwritten = self._transport.get_write_buffer_size()
        self._transport.close()

    def _linger(self) -> None:
        """Close once the client has closed, or after a while: see `LINGER_TIME`."""
        if not self._transport.can_write_eof():
            self._close()
            return
        self._enter(State.CLOSING, LINGER_TIME)
        self._reader = RequestReader(self._server.limits)  # without what was held
        self._held_body = bytearray()
        self._unwritten = self._transport.get_write_buffer_size()
        self._resume_reading()
        self._transport.write_eof()

    def _leave(self) -> None:
        """The client has left, or must see at once that its response is cut."""
        self._drop_exchange()
        self._enter(State.CLOSED)
        if self._reading_paused:
            self._reading_paused = False
            self._server.poller.remove(self._fd)
        self._transport.abort()

    def _reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._leave()

    # Descriptors and buffers

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
        if self._state in READING:
            self._read()
        exchange = self._exchange
        if self._reader.buffer.size <= MAX_HELD and not (exchange and exchange.full):
            self._resume_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._server.poller.remove(self._fd)
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _client_left(self, _: int) -> None:
        self._leave()
