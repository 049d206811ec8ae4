"""A request body on its way from the client to a handler.

It is held until a handler has the request: a small body until it is whole, so that no handler waits
for a slow client. From then on it goes to the handler as it comes; the client isn't read while the
handler takes nothing, nor blamed for it. What the client sends of it must keep a pace (`_pace`).

A connection has an `Upload` from the head of a request with a body to the end of either the body or
the response. Called in the event loop's thread.
"""

from __future__ import annotations

import math
from typing import Protocol

from ._exchange import Exchange
from ._interface import Surroundings
from ._pace import BodyPace
from ._room import Client
from ._states import State
from ._wire import Wire

_BODY_HELD, _RESPONSE = State.BODY_HELD, State.RESPONSE  # an attribute of an Enum costs much more


class Sender(Client, Protocol):
    """What an upload needs of the client's connection."""

    deadline: float
    """When the client is to be cut, unless more comes."""

    def submit(self, state: State, body: Upload) -> None:
        """Hand the request to a handler; the state is this one until a handler has it."""

    def wait_for_body(self, state: State) -> None:
        """Enter the state, and let the client know that its body is wanted."""

    def wait_for_response(self) -> None:
        """Take note that the handler has been given all of the request."""

    def read_on(self) -> None:
        """Read the client again."""


class Upload:
    """See the module. It is the body of an exchange."""

    __slots__ = ("_held", "_pace", "_sender", "_server", "_whole", "_wire")

    def __init__(self, sender: Sender, server: Surroundings, wire: Wire) -> None:
        """Wait for `start`."""
        self._sender = sender
        self._server = server
        self._wire = wire
        self._pace = BodyPace(server.limits, server.time())
        self._held = bytearray()
        self._whole = False

    # What the connection calls

    def start(self, length: int | None) -> None:
        """Wait for a body of this length, or one whose length isn't known."""
        limit = self._server.limits.buffer_body
        if limit and (length is None or length <= limit):
            self._sender.wait_for_body(_BODY_HELD)
        else:
            self._sender.submit(State.QUEUED, self)

    def is_behind(self, now: float) -> bool:
        """Tell whether the client is too slow."""
        return self._pace.is_behind(now)

    def take(self, piece: bytes, exchange: Exchange | None) -> None:
        """Pass a piece on, or hold it while there is no exchange."""
        self._pace.came(len(piece), self._server.time())
        self._sender.deadline = self._pace.deadline
        if exchange is not None:
            self._pass_on(piece, exchange)
            return
        self._held += piece
        if len(self._held) > self._server.limits.buffer_body:
            self._sender.submit(State.QUEUED, self)

    def end(self, exchange: Exchange | None) -> None:
        """Take note that the body is whole."""
        self._whole = True
        if exchange is None:
            self._sender.submit(_RESPONSE, self)
        else:
            self._sender.wait_for_response()
            exchange.end_body()  # last, as it may be the end of the exchange

    # What the exchange calls

    def begin(self, exchange: Exchange) -> None:
        """See `Body`."""
        held = bytes(self._held)
        self._held.clear()
        if self._whole:
            exchange.send_body(held)
            exchange.end_body()
            return
        self._pace = BodyPace(self._server.limits, self._server.time())
        self._sender.wait_for_body(State.BODY)
        self._pass_on(held, exchange)
        self._sender.read_on()

    def go_on(self) -> None:
        """See `Body`."""
        if not self._whole:
            now = self._server.time()
            self._pace.go_on(now)
            self._sender.deadline = self._pace.deadline
            self._server.room.stand(self._sender, State.BODY, now)
        self._sender.read_on()

    def _pass_on(self, piece: bytes, exchange: Exchange) -> None:
        if not exchange.send_body(piece):
            self._pace.wait_for_handler(self._server.time())
            self._sender.deadline = math.inf
            self._server.room.step_out(self._sender)
            self._wire.pause()
