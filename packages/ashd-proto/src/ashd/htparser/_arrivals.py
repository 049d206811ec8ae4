"""Connections that were accepted, and wait for their turn to be looked at.

To accept one costs next to nothing; to serve its first request costs a hundred times as much. When
more come than can be served, whoever is last in such a line waits for all of them. So the newest
ones come first, for whom somebody still waits, and the others when there is time: some of the
newest and some of the oldest in turns. While requests wait for the handler, few of them come, as
their requests would only wait there.

Called in the event loop's thread. It owns the sockets until their turn.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from ._limits import CROWDED_PAUSE, OLDEST_OPENED, OPENED_AT_ONCE
from ._portspec import Port

Arrived = tuple[socket.socket, Port]


class Arrivals:
    """See the module."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[socket.socket, Port], object],
        is_crowded: Callable[[], bool],
    ) -> None:
        """Give each connection to `take`; `is_crowded` tells whether requests wait."""
        self._loop = loop
        self._take = take
        self._is_crowded = is_crowded
        self._waiting: deque[Arrived] = deque()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, arrived: list[Arrived]) -> None:
        """Let connections in, or let them wait if there are too many; the oldest comes first."""
        later = arrived[:-OPENED_AT_ONCE]
        if later and not self._waiting:
            self._loop.call_soon(self._take_turn)
        self._waiting += later
        for one in arrived[-OPENED_AT_ONCE:]:
            self._take(*one)

    def close(self) -> None:
        """Close those that wait."""
        while self._waiting:
            self._waiting.pop()[0].close()

    def _take_turn(self) -> None:
        waiting = self._waiting
        crowded = self._is_crowded()
        for turn in range(min(1 if crowded else OPENED_AT_ONCE, len(waiting))):
            self._take(*(waiting.popleft() if turn < OLDEST_OPENED else waiting.pop()))
        if waiting and crowded:
            self._loop.call_later(CROWDED_PAUSE, self._take_turn)
        elif waiting:
            self._loop.call_soon(self._take_turn)
