"""A source and tasks in memory, which notice when a model breaks the rules of their interface.

A source may be fed from any thread. A stream owns its end of a socketpair, the task the other.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident

from .._interface import Driver


class MemoryTask:
    """A task that calls `work`, and remembers by which thread and how often."""

    def __init__(self, work: Callable[[], object] = lambda: None) -> None:
        """Call `work` when the task is run."""
        self._work = work
        self._lock = threading.Lock()  # guards `runs`
        self.runs: int = 0
        self.ident: int | None = None
        self.started: threading.Event = threading.Event()
        self.finished: threading.Event = threading.Event()

    def run(self) -> None:
        """Do the work."""
        self._note()
        try:
            self._work()
        finally:
            self.finished.set()

    def _note(self) -> None:
        with self._lock:
            self.runs += 1
        self.ident = get_ident()
        self.started.set()

    def start(self) -> MemoryStream | None:
        """Do the work; no stream is left."""
        self.run()
        return None

    def describe(self) -> str:
        """Return a word about the task."""
        return f"task {id(self):#x}"

    def abandon(self) -> None:
        """There is nothing to close."""


class MemoryStream:
    """Writes `size` bytes to a socket, as its reader takes them; raises in the middle if asked."""

    def __init__(self, sock: socket.socket, size: int, on_end: Callable[[], object]) -> None:
        """Own `sock`."""
        self._socket = sock
        self._left = size
        self._on_end = on_end
        self.fails = False
        sock.setblocking(False)

    def describe(self) -> str:
        """Return a word about the stream."""
        return f"stream {id(self):#x}"

    def abandon(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def be_driven(self, driver: Driver) -> None:
        """There is nothing to be woken for."""

    def advance(self, events: int) -> int:
        """Write what the socket takes."""
        assert not events & ~(select.POLLOUT | select.POLLHUP | select.POLLERR), hex(events)
        if self.fails:
            raise ZeroDivisionError("a stream that breaks its promise never to raise")
        try:
            while self._left:
                self._left -= self._socket.send(bytes(min(self._left, 65536)))
        except BlockingIOError:
            return select.POLLOUT
        except ConnectionError:  # the reader has left
            pass
        self._socket.close()
        self._on_end()
        return 0


class StreamTask(MemoryTask):
    """A task that sends `size` bytes to its `client`, the socket that the test reads from."""

    def __init__(self, size: int = 1 << 20) -> None:
        """Make the socketpair; `client` belongs to the caller."""
        super().__init__()
        self.size = size
        self.client: socket.socket
        self.client, self._server = socket.socketpair()
        self.stream: MemoryStream = MemoryStream(self._server, size, self.finished.set)

    def run(self) -> None:
        """Send all, waiting for the client."""
        self._note()
        poll = select.poll()
        poll.register(self.stream.fileno(), select.POLLOUT)
        while self.stream.advance(0):
            poll.poll()

    def start(self) -> MemoryStream:
        """Leave all to the stream."""
        self._note()
        return self.stream

    def read_all(self, timeout: float) -> int:
        """Read as a client to the end, close, and return the number of bytes."""
        self.client.settimeout(timeout)
        with self.client:
            total = 0
            while piece := self.client.recv(65536):
                total += len(piece)
        return total


class MemorySource:
    """Gives the tasks that `put` was called with.

    `received` are those that a model has got. `complaint` tells what rule a model broke.
    """

    def __init__(self) -> None:
        """Begin with no tasks."""
        self._changed = threading.Condition()  # guards all below
        self._tasks: deque[MemoryTask] = deque()
        self._stopped = False
        self._at_end = False
        self._error: Exception | None = None
        self._receiver: int | None = None
        self.received: list[MemoryTask] = []
        self.complaint: str | None = None

    # For the model

    def receive(self) -> MemoryTask | None:
        """Wait for a task; None after `stop`, or when all are gone after `end`."""
        with self._changed:
            if self._receiver is not None:
                self.complaint = "two threads received at the same time"
            self._receiver = get_ident()
            self._changed.wait_for(self._ready)
            self._receiver = None
            return self._take()

    def for_thread(self) -> MemoryThreadSource:
        """Return what one of several threads receives by."""
        return MemoryThreadSource(self)

    def receive_among_others(self, timeout: float | None) -> MemoryTask | None:
        """Wait for a task as `receive` does, beside other threads; TimeoutError after a time."""
        with self._changed:
            if not self._changed.wait_for(self._ready, timeout):
                raise TimeoutError
            return self._take()

    def _ready(self) -> bool:
        return bool(self._tasks or self._stopped or self._at_end or self._error)

    def _take(self) -> MemoryTask | None:
        if self._error is not None:
            raise self._error
        if self._stopped or not self._tasks:
            return None
        task = self._tasks.popleft()
        self.received.append(task)
        self._changed.notify_all()
        return task

    def pending(self, timeout: float) -> bool:
        """Tell whether a task waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks, timeout)
            return bool(self._tasks) and not self._stopped

    def stop(self) -> None:
        """Give no more tasks."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # For the test

    def put(self, task: MemoryTask) -> None:
        """Let `task` be received, behind those that wait already."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()

    def end(self) -> None:
        """Be at end-of-file behind the tasks that wait."""
        with self._changed:
            self._at_end = True
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Raise `error` from now on."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], object], timeout: float) -> bool:
        """Wait until a condition on what was received is true."""
        with self._changed:
            return bool(self._changed.wait_for(condition, timeout))


class MemoryThreadSource:
    """A thread's own way to receive from a `MemorySource`."""

    def __init__(self, source: MemorySource) -> None:
        """Receive from `source`."""
        self._source = source
        self._receiver: int | None = None

    def receive(self, timeout: float | None) -> MemoryTask | None:
        """Wait for a task; None when there will be no more; TimeoutError after a time."""
        if self._receiver not in (None, get_ident()):
            self._source.complaint = "a thread received by what belongs to another"
        self._receiver = get_ident()
        return self._source.receive_among_others(timeout)

    def release(self) -> None:
        """There is nothing to give back."""
