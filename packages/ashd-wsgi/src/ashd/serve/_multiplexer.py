"""One thread that drives any number of streams, each when its client is ready."""

from __future__ import annotations

import select
import threading
from collections import deque

from ._fork import keep_no_more, leave_behind
from ._interface import Stream
from ._running import Slot, running
from ._wakeup import WakeUp

_LOOK = 0.1
"""Seconds after which a main thread that waits for the end looks for signals: a wait for a thread
doesn't notice one that comes just before it begins."""

_EVENTS = 512  # at a time; more are told at the next look


class Multiplexer:
    """Owns the streams it is given until they say that they are finished.

    `add` and `wake` may be called from any thread; the streams are advanced in the multiplexer's
    own. `_new` and `_woken` are deques, whose single operations are atomic with the interpreter
    lock and without it.
    """

    def __init__(self) -> None:
        self._new: deque[Stream] = deque()
        self._woken: deque[Stream] = deque()
        self._streams: dict[int, Stream] = {}
        self._wakeup: WakeUp
        self._driver: threading.Thread
        self._closing = False
        self._epoll: select.epoll
        self._slot: Slot

    def start(self) -> None:
        """Open descriptors and start the thread."""
        self._wakeup = WakeUp()
        self._epoll = select.epoll()
        leave_behind(self._abandon)
        self._driver = threading.Thread(target=self._run, name="rplex", daemon=True)
        self._driver.start()

    def add(self, stream: Stream) -> None:
        """Drive `stream` from now on."""
        self._new.append(stream)
        self._wakeup.set()

    def wake(self, stream: Stream) -> None:
        """See `Driver`."""
        self._woken.append(stream)
        self._wakeup.set()

    def finish(self) -> None:
        """Wait until all streams are finished, and end the thread. None is added any more."""
        self._closing = True
        self._wakeup.set()
        while self._driver.is_alive():
            self._driver.join(_LOOK)
        keep_no_more(self._abandon)
        self._close()

    def _close(self) -> None:
        self._epoll.close()
        self._wakeup.close()

    def _abandon(self) -> None:
        for stream in (*self._streams.values(), *self._new):
            stream.abandon()
        self._close()

    def _run(self) -> None:
        self._slot = running.slot()
        try:
            self._epoll.register(self._wakeup, select.EPOLLIN)
            while not (self._closing and not self._streams and not self._new):
                self._turn(self._epoll)
        finally:
            self._slot.close()

    def _turn(self, epoll: select.epoll) -> None:
        woken = False
        for fd, events in epoll.poll(maxevents=_EVENTS):
            if fd == self._wakeup.fileno():
                woken = True
            else:
                self._advance(epoll, fd, events)
        if woken:  # last: it may finish streams that have events, too
            self._wakeup.take()
            self._take_new(epoll)
            self._advance_woken(epoll)

    def _take_new(self, epoll: select.epoll) -> None:
        while self._new:
            stream = self._new.popleft()
            stream.be_driven(self)
            fd = stream.fileno()
            events = self._hold(stream, 0)
            if events:
                epoll.register(fd, events | select.EPOLLONESHOT)
                self._streams[fd] = stream

    def _advance_woken(self, epoll: select.epoll) -> None:
        while self._woken:
            stream = self._woken.popleft()
            fd = stream.fileno()
            if self._streams.get(fd) is stream:
                self._advance(epoll, fd, 0)

    def _advance(self, epoll: select.epoll, fd: int, events: int) -> None:
        wanted = self._hold(self._streams[fd], events)
        if wanted:
            epoll.modify(fd, wanted | select.EPOLLONESHOT)
        else:  # the stream has closed its descriptor, which took it out of the epoll set
            del self._streams[fd]

    def _hold(self, stream: Stream, events: int) -> int:
        """Advance a stream, visible in the table of what runs: it might be one that blocks."""
        return self._slot.hold(stream, stream.advance, events) or 0
