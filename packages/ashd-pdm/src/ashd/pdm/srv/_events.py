"""The events that wait for one client. Putting one in costs well below a microsecond, and never
blocks or raises.

`put` is called by whatever thread an event happens in, even from a destructor or a signal handler
that came in the middle of another `put`: hence a SimpleQueue, which can take that. One thread of
the server takes events out and sends them.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import Any

Item = tuple[Any, Any]
MAX_BATCH = 100
"""Events that are sent with one system call."""


class EventQueue:
    """A queue of (id, event) with a bound; counts what doesn't fit, for each id."""

    def __init__(self, bound: int) -> None:
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._bound = bound
        self._lock = threading.RLock()  # for _lost; the same thread may come again, see above
        self._lost: dict[Any, int] = {}

    def put(self, ident: Any, event: Any) -> None:
        """Add an event for the subscription `ident`, or count it as lost."""
        if self.is_full():
            self.lose(ident)
        else:
            self._queue.put((ident, event))

    def is_full(self) -> bool:
        """Whether an event that is put in now would be lost."""
        return self._queue.qsize() >= self._bound

    def lose(self, ident: Any, count: int = 1) -> None:
        """Count events as lost: nobody made them, or they could not be sent."""
        with self._lock:
            self._lost[ident] = self._lost.get(ident, 0) + count

    def stop(self) -> None:
        """Let the thread that takes events out find the end."""
        self._queue.put(None)

    def take(self) -> list[Item] | None:
        """Wait for events and return them, in order; None at the end."""
        batch: list[Item | None] = [self._queue.get()]
        try:
            while len(batch) < MAX_BATCH:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return None if None in batch else [item for item in batch if item is not None]

    def take_lost(self) -> list[tuple[Any, int]]:
        """Return how many were lost since the last call, for each id."""
        if not self._lost:
            return []
        with self._lock:
            lost, self._lost = self._lost, {}
        return list(lost.items())


class Subscription:
    """A queue, as a source of events sees it: a callback that can say that it takes no more."""

    __slots__ = ("_ident", "_queue")

    def __init__(self, queue: EventQueue, ident: Any) -> None:
        self._queue = queue
        self._ident = ident

    def __call__(self, event: Any) -> None:
        """Put an event into the queue."""
        self._queue.put(self._ident, event)

    def is_full(self) -> bool:
        """Whether an event would be lost."""
        return self._queue.is_full()

    def lose(self, count: int) -> None:
        """Let the client know that it missed so many events."""
        self._queue.lose(self._ident, count)
