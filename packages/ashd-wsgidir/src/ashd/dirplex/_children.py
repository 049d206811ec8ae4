"""The programs that requests go to, and where a request waits for one that is slow to take it.

`Children` and `Child.pass_on` are called by the thread that receives requests. A child that doesn't
take one gets a thread which waits for it, so that the others are served meanwhile; what waits is
bounded in number and time.
"""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from ashd.proto import HandlerGoneError, QueueFullError, Request
from ashd.util import SEND_TIMEOUT, PersistentChild

from ._config import Handler
from ._errors import BusyError

MAX_WAITING = 256
"""Requests that may wait for one child. Each has a descriptor of ours."""

WAITING_SHARE = 2
"""What part of the descriptors that a process may have (one half) can belong to waiting requests of
all children together, so that there are always some left to receive others with."""

_log = logging.getLogger("ashd.dirplex")

Refuse = Callable[[Request, Exception], None]
"""Answers a request that could not be passed on."""


class Child:
    """One persistent handler program, started when it is first needed and again when it has died.

    It owns the copies of the requests that wait. `handler` is its stanza as it stands now: what the
    child is started from the next time.
    """

    def __init__(
        self, handler: Handler, cwd: str, refuse: Refuse, room: threading.Semaphore
    ) -> None:
        """Describe a child; `room` counts the requests that may still wait, for all children."""
        self.handler = handler
        self._cwd = cwd
        self._refuse = refuse
        self._room = room
        self._program: PersistentChild | None = None
        self._waiting: deque[tuple[Request, float]] = deque()
        self._thread: threading.Thread | None = None
        self._retired = False
        self._lock = threading.Lock()  # guards the four above; not held while waiting

    def pass_on(self, request: Request) -> None:
        """Hand a request to the child, or let a copy of it wait. The caller still owns it.

        Raises `BusyError` when too many wait already, and what `PersistentChild.pass_request` does.
        """
        with self._lock:
            if self._thread is None:
                try:
                    self._send(request, wait=False)
                    return
                except QueueFullError:
                    pass
            if len(self._waiting) >= MAX_WAITING or not self._room.acquire(blocking=False):
                raise BusyError(f"{len(self._waiting)} requests wait for {self.handler.name}")
            self._enqueue(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._drain, name=self.handler.name)
                self._thread.start()

    def _enqueue(self, request: Request) -> None:
        try:
            copy = request.dup()
        except OSError:
            self._room.release()
            raise
        self._waiting.append((copy, time.monotonic() + SEND_TIMEOUT))

    def retire(self) -> None:
        """Let the child finish, once it has taken what waits for it."""
        with self._lock:
            self._retired = True
            if self._thread is None:
                self._close()

    def join(self) -> None:
        """Wait until nothing waits any more, which takes at most a few times `SEND_TIMEOUT`."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _send(self, request: Request, *, wait: bool) -> None:
        started = self._program is None
        program = self._program or self._new_program()
        try:
            program.pass_request(request, wait=wait)
        except HandlerGoneError:
            self._close()
            if started:
                raise
            _log.warning("%s has died; starting it again", self.handler.name)
            self._new_program().pass_request(request, wait=wait)

    def _new_program(self) -> PersistentChild:
        """Make the child anew; its `exec` line may have changed since it was started."""
        self._program = PersistentChild(self.handler.argv, cwd=self._cwd, restart=False)
        return self._program

    def _close(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.close()

    def _drain(self) -> None:
        """Hand over what waits, in order, until nothing does. Runs in a thread of its own.

        While this thread exists no other one touches the program.
        """
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    if self._retired:
                        self._close()
                    return
                request, deadline = self._waiting[0]
            with request:
                self._hand_over(request, deadline)
            with self._lock:
                self._waiting.popleft()
            self._room.release()

    def _hand_over(self, request: Request, deadline: float) -> None:
        try:
            self._send(request, wait=time.monotonic() < deadline)
        except Exception as error:
            self._refuse(request, error)


class Children:
    """All persistent children, by the configuration file and the name of their stanza."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._room = threading.Semaphore(max(1, limit // WAITING_SHARE))
        self._children: dict[tuple[str, str], Child] = {}

    def get(self, handler: Handler, cwd: str) -> Child:
        """Return the child of a `child` stanza; it starts in `cwd`."""
        key = (handler.origin, handler.name)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = Child(handler, cwd, self._refuse, self._room)
        child.handler = handler
        return child

    def keep(self, file: str, handlers: Mapping[str, Handler]) -> None:
        """Retire the children that are no longer among a configuration file's handlers."""
        for key in [key for key in self._children if key[0] == file]:
            handler = handlers.get(key[1])
            if handler is None or not handler.persistent:
                self._children.pop(key).retire()

    def finish(self) -> None:
        """Let all children finish: at the end of the program."""
        for child in self._children.values():
            child.retire()
        for child in self._children.values():
            child.join()
