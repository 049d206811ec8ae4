"""What the server, its connections and its backend need of each other; so none imports another."""

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

    def serve_last(self) -> None:
        """Serve what has begun, or begins before the idle time is over, which is shorter now."""

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
    """Whether responses that begin now say that they are the last ones of their connections."""
    stopping: bool
    """Whether connections are closed after the response that they wait for, whatever that said."""
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


class Front(Protocol):
    """What the processes on which a server's life depends tell it."""

    def finish(self, status: int) -> None:
        """End, with this exit status; while it ends: something it waits for has ended."""

    def make_way(self) -> None:
        """Leave what comes to another process that serves at the same sockets, and end."""


class Backend(Protocol):
    """The processes on which a server's life depends."""

    @property
    def draining(self) -> bool:
        """Whether other processes still serve clients."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to wait for."""

    @property
    def last_heard(self) -> float:
        """When each of the other processes that serve had shown that it isn't stuck.

        In seconds of the monotonic clock; infinite if there are none.
        """

    def attach(self, poller: Poller, front: Front) -> None:
        """Work in an event loop, and tell `front` when it's time to end."""

    def sweep(self, now: float) -> None:
        """Look after everything that makes no event."""

    def reload(self) -> None:
        """Hand SIGHUP on."""

    def reopen_logs(self) -> None:
        """Let other front ends open their access logs anew."""

    def stop(self) -> None:
        """Begin to finish."""

    def terminate(self) -> None:
        """Ask what hasn't finished in time to end."""

    def kill(self) -> None:
        """Leave nothing behind."""

    def release(self) -> None:
        """Give up what is owned."""
