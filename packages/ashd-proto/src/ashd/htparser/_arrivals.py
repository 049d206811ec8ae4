"""Connections that were accepted, and wait for their turn to be looked at.

To accept one costs next to nothing; to serve its first request costs a hundred times as much. When
more come than can be served, whoever is last in such a line waits for all of them. So most of those
whose turn it is are the newest ones, for whom somebody still waits, and some are the oldest.

Called in the event loop's thread. It owns the sockets until their turn.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from ._limits import OLDEST_OPENED, OPENED_AT_ONCE
from ._portspec import Port

Arrived = tuple[socket.socket, Port]


class Arrivals:
    """See the module."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[socket.socket, Port], object]
    ) -> None:
        """Give each connection to `take`."""
        self._loop = loop
        self._take = take
        self._waiting: deque[Arrived] = deque()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, arrived: list[Arrived]) -> None:
        """Let connections in, now or when it is their turn; the oldest comes first."""
        if not self._waiting and len(arrived) <= OPENED_AT_ONCE:
            for one in arrived:
                self._take(*one)
            return
        if not self._waiting:
            self._loop.call_soon(self._take_turn)
        self._waiting += arrived

    def close(self) -> None:
        """Close those that wait."""
        while self._waiting:
            self._waiting.pop()[0].close()

    def _take_turn(self) -> None:
        waiting = self._waiting
        for turn in range(min(OPENED_AT_ONCE, len(waiting))):
            self._take(*(waiting.popleft() if turn < OLDEST_OPENED else waiting.pop()))
        if waiting:
            self._loop.call_soon(self._take_turn)
