"""What the server and its connections need of each other; so neither imports the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ._health import Health
from ._limits import Limits
from ._peer import Peer
from ._poller import Poller
from ._queue import RequestQueue
from ._record import Records
from ._room import Room


class OpenConnection(Protocol):
    """A connection, as the server's sweep and end see it."""

    deadline: float
    """When `expire` is to be called."""
    write_deadline: float
    """Likewise, if the client doesn't read."""

    def expire(self, now: float) -> None:
        """Deal with a deadline that has passed."""

    def close_when_done(self) -> None:
        """Serve no request but the one that is being served."""

    def leave(self) -> None:
        """Cut whatever is going on."""


class Served(OpenConnection, Protocol):
    """A connection whose client is known."""

    peer: Peer


class ServedConnection(Served, Protocol):
    """One that speaks HTTP."""

    def refuse(self, status: int, detail: str) -> None:
        """Answer with an error page, unless a response has begun, and close."""


class Surroundings(Protocol):
    """What all connections share; the server."""

    limits: Limits
    poller: Poller
    queue: RequestQueue
    framing: bytes
    """The `X-Ash-Framing` header of requests that come now, encoded."""
    queue_deadline: float
    """Until when they may wait for a handler."""
    room: Room
    connection_ids: Iterator[str]
    """A name for each connection that no other one has."""
    closing: bool
    """Whether each connection is to be closed after the response that it waits for."""
    health: Health | None
    """Answers health checks, if that is asked for."""
    records: Records | None
    """What the access log and the ids of requests need, if anybody asks for them."""

    def time(self) -> float:
        """Return the event loop's time."""

    def connection_opened(self, connection: ServedConnection) -> None:
        """Count a connection, and look after its deadlines."""

    def connection_switched(self, connection: ServedConnection, stream: Served) -> None:
        """Look after a stream in place of a connection."""

    def connection_closed(self, connection: Served) -> None:
        """Forget a connection, or a stream."""
