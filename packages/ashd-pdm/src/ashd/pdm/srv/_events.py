"""The events that wait for one client. Putting one in costs well below a microsecond, and never
blocks or raises.

A subscription is called by whatever thread an event happens in, even from a destructor or a signal
handler that came in the middle of another call: hence a SimpleQueue, which can take that. One
thread for each client that has subscribed takes events out and sends them.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue

from .._errors import ConnectionLost
from .._limits import Limits
from .._messages import message
from .._stream import Stream
from ..perf import LostEvents

MAX_BATCH = 100
"""Events that are sent with one system call."""


_Item = tuple[object, object]
"""An id and an event."""


class EventSender:
    """A queue with a bound, and the thread that sends what is in it. Counts what doesn't fit."""

    def __init__(self, stream: Stream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self.queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._lock = threading.RLock()  # for _lost; the same thread may come again, see above
        self._lost: dict[object, int] = {}
        threading.Thread(target=self._send_all, name="ashd-pdm-events", daemon=True).start()

    def lose(self, ident: object, count: int = 1) -> None:
        """Count events as lost: there was no room, nobody made them, or they could not be sent."""
        with self._lock:
            self._lost[ident] = self._lost.get(ident, 0) + count

    def is_full(self) -> bool:
        """Whether there is no room for another event."""
        return self.queue.qsize() >= self._limits.queued_events

    def stop(self) -> None:
        """Let the thread find the end."""
        self.queue.put(None)

    # In the thread

    def _send_all(self) -> None:
        try:
            while (batch := self._take()) is not None:
                data = b"".join(map(self._message, batch))
                self._stream.send(data + b"".join(map(self._message, self._take_lost())))
        except ConnectionLost:
            self._stream.abort()

    def _take(self) -> list[_Item] | None:
        """Wait for events and return them, in order; None at the end."""
        batch: list[_Item] = []
        item = self.queue.get()
        try:
            while item is not None:
                batch.append(item)
                if len(batch) == MAX_BATCH:
                    return batch
                item = self.queue.get_nowait()
        except Empty:
            return batch
        return None

    def _take_lost(self) -> list[_Item]:
        with self._lock:
            lost, self._lost = self._lost, {}
        return [(ident, LostEvents(count)) for ident, count in lost.items()]

    def _message(self, item: _Item) -> bytes:
        try:
            return message(("*", *item), self._limits.message)
        except Exception:
            self.lose(item[0])
            return b""


class Subscription:
    """An id of an `EventSender`, as a source of events sees it; it can say that it is full."""

    __slots__ = ("_ident", "_sender")

    def __init__(self, sender: EventSender, ident: object) -> None:
        self._sender = sender
        self._ident = ident

    def __call__(self, event: object) -> None:
        """Put an event into the queue, or count it as lost."""
        if self.is_full():
            self.lose(1)
        else:
            self._sender.queue.put((self._ident, event))

    def is_full(self) -> bool:
        """Whether an event would be lost."""
        return self._sender.is_full()

    def lose(self, count: int) -> None:
        """Let the client know that it missed so many events."""
        self._sender.lose(self._ident, count)
