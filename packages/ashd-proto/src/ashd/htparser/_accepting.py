"""Which connections a front end lets in, and when: its listening sockets, those of other processes,
and what has been accepted and waits for its turn.

Called in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from ._arrivals import Arrivals, Arrived
from ._limits import LOOK_AGAIN, Limits
from ._listener import Listener
from ._portspec import Port
from ._room import Room, place_bound


class Accepting:
    """See the module; it owns the sockets."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        clients: Callable[[], int],
        take: Callable[[socket.socket, Port], object],
        is_crowded: Callable[[], bool],
    ) -> None:
        """Give each connection to `take` when there is room for it.

        `clients` tells how many are being served, `is_crowded` whether requests wait.
        """
        self.loop = loop
        self.room = Room(
            place_bound(limits.connections), limits.connections_per_address, self.resume
        )
        self._clients = clients
        self._arrivals = Arrivals(loop, take, is_crowded)
        self._listeners: list[Listener] = []
        self._others: list[Listener] = []
        self._is_paused = True
        self._look: asyncio.TimerHandle | None = None

    def listen(
        self,
        sockets: Sequence[tuple[Port, socket.socket]],
        others: Sequence[tuple[Port, socket.socket]] = (),
    ) -> None:
        """Own listening sockets; `resume` begins.

        `others` are those of other processes. Connections that are left there too long, because a
        process has ended or is full, are taken over.
        """
        self._listeners = [Listener(self, port, sock) for port, sock in sockets]
        self._others = [Listener(self, port, sock) for port, sock in others]

    @property
    def taken(self) -> int:
        """How many clients there are, with those that wait for their turn."""
        return self._clients() + len(self._arrivals)

    def resume(self) -> None:
        """Accept connections again."""
        if self._is_paused:
            self._is_paused = False
            for listener in self._listeners:
                listener.resume()

    def sweep(self) -> None:
        """Look whether there is something that nobody has accepted."""
        self.resume()
        for listener in self._others:
            listener.accept_some()

    def turn_away(self) -> bool:
        """Let no new connection begin; return whether some that have begun may still come."""
        self._listeners = [each for each in self._listeners if each.turn_away()]
        return bool(self._listeners)

    def close(self) -> None:
        """Accept nothing more; what has been accepted gets its turn."""
        for listener in [*self._listeners, *self._others]:
            listener.close()
        self._listeners, self._others = [], []

    def drop(self) -> None:
        """Close the connections that wait for their turn."""
        self._arrivals.close()

    # See `_listener.Acceptor`

    def has_room(self, arrived: int = 0) -> bool:
        """Tell whether one more connection may be accepted, after that many in this turn."""
        return self.room.has_place(self.taken + arrived)

    def make_room(self, arrived: int = 0) -> bool:
        """Let a connection give way to a new one; when none can, wait until one closes or can.

        A few come as guests meanwhile.
        """
        room, taken, now = self.room, self.taken + arrived, self.loop.time()
        while room.make(now):
            if room.has_place(taken):
                return True
        if room.takes_guest(taken):
            return True
        self.pause()
        if self._look is None:
            self._look = self.loop.call_later(LOOK_AGAIN, self._look_again)
        return False

    def pause(self) -> None:
        """Accept nothing until a connection has closed, or the next sweep."""
        self._is_paused = True
        for listener in self._listeners:
            listener.pause()

    def arrive(self, arrived: list[Arrived]) -> None:
        """Serve accepted connections when it is their turn."""
        self._arrivals.add(arrived)

    def _look_again(self) -> None:
        self._look = None
        self.resume()
