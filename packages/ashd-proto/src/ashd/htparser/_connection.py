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
import socket
from typing import cast

from ._errors import RequestError
from ._exchange import Exchange
from ._head import RequestHead
from ._interface import Surroundings
from ._limits import EVENTS_AT_ONCE, LINGER_TIME, MAX_HELD, TRICKLE
from ._pages import CONTINUE, error_page
from ._peer import Arrival, Peer
from ._reader import END, RequestReader
from ._record import Record
from ._room import Client
from ._states import FOLLOWERS, HOLDING, READING, WAITING, State
from ._stream import Stream
from ._submission import new_exchange, submit
from ._upload import Upload
from ._wire import Wire

_IDLE, _RESPONSE = State.IDLE, State.RESPONSE  # an attribute of an Enum costs much more


class Connection(asyncio.Protocol):
    """See the module. `deadline` and `write_deadline` are looked at by the server's sweep."""

    __slots__ = (
        "_arrival",
        "_exchange",
        "_head",
        "_reader",
        "_record",
        "_server",
        "_state",
        "_transport",
        "_upload",
        "_wire",
        "deadline",
        "line",
        "peer",
        "write_deadline",
    )

    def __init__(self, server: Surroundings, arrival: Arrival) -> None:
        """Wait for `connection_made`."""
        self._server = server
        self._arrival = arrival
        self._transport: asyncio.Transport
        self._wire: Wire
        self._state = State.HEAD
        self._reader = RequestReader(server.limits)
        self._head: RequestHead | None = None
        self._exchange: Exchange | None = None
        self._upload: Upload | None = None
        self._record: Record | None = None
        self.peer: Peer
        self.line: dict[Client, float] | None = None
        self.deadline = server.time() + server.limits.head_time
        self.write_deadline = math.inf

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        server = self._server
        self._transport = cast("asyncio.Transport", transport)
        self._wire = Wire(self._transport, server.poller, self.leave)
        server.room.stand(self, State.HEAD, server.time())
        self.peer = Peer(self._arrival, transport, server.connection_ids)
        if server.records is not None:
            self._record = Record(server.records, self.peer)
        server.connection_opened(self)
        if not self.peer.address:
            self.leave()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        state = self._state
        if state in READING:
            self._reader.feed(data)
            if state is State.BODY and len(data) < TRICKLE:
                self._wire.later(self.read_on)  # more may come meanwhile
            else:
                self._read()
        elif state in HOLDING:
            self._reader.feed(data)
            if self._reader.buffer.size > MAX_HELD:
                self._wire.pause()

    def eof_received(self) -> None:
        """Take the client's end-of-file as its leaving, while it waits for a response."""
        if self._exchange is not None:
            self.leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """See `asyncio.Protocol`."""
        self._drop_exchange()
        self._wire.lost()
        self._server.room.forget(self)
        self._server.connection_closed(self)

    def pause_writing(self) -> None:
        """Stop reading the response: the client doesn't keep up."""
        server = self._server
        now = server.time()
        if self._exchange is not None:
            self._exchange.pause()
        self._wire.mark()
        self.write_deadline = now + server.limits.body_time
        if self._state is _RESPONSE:
            server.room.stand(self, _RESPONSE, now)

    def resume_writing(self) -> None:
        """Read the response again."""
        self.write_deadline = math.inf
        if self._state is _RESPONSE:
            self._server.room.step_out(self)
        if self._exchange is not None:
            self._exchange.resume()

    # What the server and the room call

    def expire(self, now: float) -> None:
        """Deal with a deadline that has passed."""
        if now >= self.write_deadline and not self._reads(now):
            self.leave()
        elif now >= self.deadline:
            self._time_is_up(now)

    def close_when_done(self) -> None:
        """Serve no request but the one that is being served."""
        if self._exchange is not None:
            self._exchange.forbid_keep_alive()
        elif self._state is State.HEAD or self._state is _IDLE:
            self._close()
        elif self._state is State.BODY_HELD:
            self.refuse(503, "The server is shutting down.")

    def serve_last(self) -> None:
        """Serve what has begun, or begins before the idle time is over, which is shorter now."""
        if self._state is _IDLE:
            self.deadline = min(self.deadline, self._server.time() + self._server.limits.idle_time)

    def stirs(self, now: float) -> bool:
        """See `_room.Client`."""
        if self._state is _RESPONSE or self._state is State.CLOSED:
            return self._wire.is_taken()
        upload = self._upload
        return (upload is not None and not upload.is_behind(now)) or self._wire.has_sent()

    def give_way(self) -> None:
        """See `_room.Client`."""
        if self._state < State.CLOSING and (self._head is not None or self._reader.buffer.size):
            self.refuse(408, "The request did not arrive fast enough for a busy server.")
        if self._transport.get_write_buffer_size():
            self.leave()
        else:
            self._close()

    def refuse(self, status: int, detail: str, *, head_only: bool = False) -> None:
        """Answer with an error page, unless a response has begun, and close."""
        if self._exchange is not None and self._exchange.started:
            self.leave()
            return
        head_only = head_only or (self._head is not None and self._head.method == b"HEAD")
        page = error_page(status, detail, body=not head_only)
        if self._record is not None:
            self._record.refused(self._head, self._reader, status, page)
        self._drop_exchange()
        self._transport.write(page)
        self.linger()

    # What the exchange calls

    def exchange_data(self, data: bytes) -> None:
        """Send a piece of the response."""
        self._transport.write(data)

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None:
        """The response is over: close, or go on with the next request."""
        if self._record is not None and self._exchange is not None:
            self._record.done(self._head, self._exchange.framer)
        self._exchange = self._upload = None
        if reset:
            self._wire.reset_on_close()
            self.leave()
        elif not keep_alive:
            self._close_gently()
        elif self._state is State.BODY:
            self._enter(State.REST, LINGER_TIME)
            self._wire.resume()
        else:
            self._next_request()

    def exchange_switched(self, sock: socket.socket) -> None:
        """The handler takes the client's bytes over; nothing here is called from now on."""
        exchange, self._exchange = self._exchange, None
        self._enter(State.STREAM)
        ahead = self._reader.buffer.take(self._reader.buffer.size)
        stream = Stream(self._server, self._wire, self.peer, sock)
        if self._record is not None and exchange is not None:
            stream.on_end = self._record.switched(self._head, exchange.framer)
        stream.start(self, ahead)

    def exchange_failed(self, status: int, detail: str) -> None:
        """There is no response but an error page."""
        self._exchange = None
        self.refuse(status, detail)

    # Reading

    def _read(self) -> None:
        """Deal with what has been received, as far as the state allows."""
        reader = self._reader
        try:
            left = EVENTS_AT_ONCE
            while self._state in READING and not (self._exchange and self._exchange.full):
                if not left:
                    self._wire.pause()
                    self._wire.later(self.read_on)
                    break
                left -= 1
                event = reader.next_event()
                if isinstance(event, RequestHead):
                    self._start(event)
                elif event is None:
                    if self._state is _IDLE and reader.buffer.size:
                        self._enter(State.HEAD, self._server.limits.head_time)
                    return
                elif event is END:
                    self._end_body()
                else:
                    self._take_body(event)
        except RequestError as error:
            self.refuse(error.status, str(error), head_only=error.head_only)
            return
        if reader.buffer.size > MAX_HELD:
            self._wire.pause()

    def _start(self, head: RequestHead) -> None:
        self._head = head
        if self._record is not None and self._record.watching:
            self._record.begin(head)
        if head.forwarding is not None:
            self.peer.hear(head)
        if head.length == 0:
            self.submit(_RESPONSE, None)
        else:
            self._upload = Upload(self, self._server, self._wire)
            self._upload.start(head.length)

    def _take_body(self, piece: bytes) -> None:
        if self._record is not None:
            self._record.received += len(piece)
        if self._upload is not None:  # else the response is complete
            self._upload.take(piece, self._exchange)

    def _end_body(self) -> None:
        upload, self._upload = self._upload, None
        if upload is None:
            self._next_request()
        else:
            upload.end(self._exchange)

    def _next_request(self) -> None:
        ahead = self._reader.buffer.size > 0
        last = self._server.stopping or (ahead and self._server.room.wanted)
        self._head = None
        self._enter(_IDLE, self._server.limits.idle_time)
        self._wire.resume()
        if last:
            self._close_gently()
        elif ahead:
            self._read()

    # What an upload calls

    def submit(self, state: State, body: Upload | None) -> None:
        """Hand the request to a handler; the state is this one until a handler has it."""
        server, head = self._server, self._head
        assert head is not None
        self._enter(state)
        exchange = new_exchange(self, server, head, self.peer, self._record, body)
        self._exchange = exchange
        if self.write_deadline < math.inf:
            exchange.pause()  # the response before this one is still on its way
        submit(exchange, server, head, self._record)

    def wait_for_body(self, state: State) -> None:
        """See `_upload.Sender`."""
        self._enter(state, self._server.limits.body_time)
        head = self._head
        if head is not None and head.expects_continue:
            head.expects_continue = False
            if not self._reader.buffer.size:  # else the client didn't wait
                self._transport.write(CONTINUE)

    def wait_for_response(self) -> None:
        """See `_upload.Sender`."""
        self._enter(_RESPONSE)

    def read_on(self) -> None:
        """Read what the client has sent, as far as the state and the handler allow."""
        if self._state in READING:
            self._read()
        if self._state is State.STREAM:
            return
        exchange = self._exchange
        held = self._wire.deferred or self._reader.buffer.size > MAX_HELD
        if not held and not (exchange and exchange.full):
            self._wire.resume()

    # The end

    def _enter(self, state: State, time: float = math.inf) -> None:
        """Change the state, for that many seconds at most."""
        assert state in FOLLOWERS[self._state], (self._state, state)
        self._state = state
        now = 0.0 if time == math.inf else self._server.time()
        self.deadline = now + time
        if state in WAITING:
            self._server.room.stand(self, state, now)
        elif state is _RESPONSE and self.write_deadline < math.inf:
            self._server.room.stand(self, state, self._server.time())
        elif self.line is not None:
            self._server.room.step_out(self)

    def _time_is_up(self, now: float) -> None:
        state = self._state
        if state is State.BODY_HELD or state is State.BODY:
            self.refuse(408, "The request body did not arrive in time.")
        elif state is State.HEAD and self._reader.buffer.size:
            self.refuse(408, "The request head did not arrive in time.")
        elif state is _IDLE:
            self._close()
        elif self._reads(now):
            self.deadline = now + LINGER_TIME
        else:
            self.leave()

    def _reads(self, now: float) -> bool:
        self.write_deadline = now + self._server.limits.body_time
        return self._wire.has_read()

    def _drop_exchange(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._upload = None
        if self._record is not None:
            framer = None if exchange is None else exchange.framer
            self._record.left(self._head, framer, self._transport.get_write_buffer_size())
        if exchange is not None:
            exchange.abort()

    def _close_gently(self) -> None:
        """Close after the response; not at once if a reset could destroy it on its way."""
        whole = self._state is _RESPONSE or self._state is _IDLE
        if whole and not self._reader.buffer.size and not self._wire.paused:
            self._close()
        else:
            self.linger()

    def _close(self) -> None:
        self._enter(State.CLOSED, self._server.limits.body_time)
        self._wire.mark()
        if self._transport.get_write_buffer_size():
            self._server.room.stand(self, _RESPONSE, self._server.time())
        self._transport.close()

    def linger(self) -> None:
        """Close once the client has closed, or after a while: see `LINGER_TIME`."""
        if not self._transport.can_write_eof():
            self._close()
            return
        self._enter(State.CLOSING, LINGER_TIME)
        self._reader = RequestReader(self._server.limits)  # without what was held
        self._wire.mark()
        self._wire.resume()
        self._transport.write_eof()

    def leave(self) -> None:
        """Cut everything: the client has left, or must see at once that its response is cut."""
        self._drop_exchange()
        self._enter(State.CLOSED)
        self._wire.abort()
