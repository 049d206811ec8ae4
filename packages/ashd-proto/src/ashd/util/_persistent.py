"""A persistent handler program as a child, and the requests that wait while it is busy.

Threads may share a child. Nobody waits for one that takes no requests: copies of them wait in a
queue, bounded in number and time, and a thread that exists only while something waits hands them
over. The queue owns those copies; the caller keeps its request.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from ashd.proto import HandlerGoneError, QueueFullError, Request, refuse, send_request
from ashd.proto._text import printable

from ._children import Argv, ChildInit, spawn_handler
from ._limits import MAX_WAITING, SEND_TIMEOUT, descriptor_share
from ._reaper import reap
from ._threads import HelperThread

PAUSE = 0.02
"""Seconds between attempts when the child's socket has room but the kernel refuses all the same:
nothing reports that fewer descriptors are on their way (ETOOMANYREFS)."""

logger = logging.getLogger("ashd.util")

Refuse = Callable[[Request, Exception], object]
"""Answers a request that could not be handed over. It must not wait for the client."""

_slots = threading.Semaphore(descriptor_share())  # one for each request that waits for any child


def refuse_undelivered(request: Request, error: Exception) -> None:
    """Answer with the status of a `SendError` or `SpawnError` (else 500), and log the reason."""
    logger.error("%s: can't be passed on: %s", printable(request.url), error)
    refuse(request.detach(), getattr(error, "status", 500))


class PersistentChild:
    """A persistent handler program that requests are passed on to, started on first use.

    Threads may share it. It owns the child's socket and reaps the child.

    Attributes:
        argv: the program and its arguments, for the next time that it is started.
    """

    def __init__(
        self,
        argv: Argv,
        *,
        restart: bool = True,
        cwd: str | os.PathLike[str] | None = None,
        child_init: ChildInit | None = None,
        timeout: float | None = SEND_TIMEOUT,
        refuse: Refuse = refuse_undelivered,
    ) -> None:
        """Describe a child; nothing is started yet.

        With `restart` it is started again when it has died. `timeout` is how many seconds a request
        waits for a child whose queue is full (None: forever). `refuse` answers those that waited in
        vain; it is called in another thread.
        """
        self.argv: list[str | os.PathLike[str]] = list(argv)
        self._restart = restart
        self._cwd = cwd
        self._child_init = child_init
        self._timeout = float("inf") if timeout is None else timeout
        self._refuse = refuse
        self._lock = threading.RLock()  # guards all below; never held while waiting
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._waiting: deque[tuple[Request, float]] = deque()
        self._thread: HelperThread | None = None
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The child's process ID, or None when it isn't running."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def spawn(self) -> None:
        """Start the child now; one that runs already is told to finish. Raises `SpawnError`."""
        with self._lock:
            self._disconnect()
            self._process, self._socket = spawn_handler(
                self.argv, cwd=self._cwd, child_init=self._child_init
            )
            reap(self._process)

    def pass_request(self, request: Request, *, wait: bool = True) -> None:
        """Hand a request to the child, which is started if need be. This never waits for it.

        While the child takes no requests, a copy waits until it does, for at most the child's
        `timeout`; with `wait=False` that is an error. The caller still owns, and closes, the
        request.

        Raises `QueueFullError` when too many wait, `SpawnError`, and what
        `ashd.proto.send_request` raises: the request hasn't been sent then.
        """
        with self._lock:
            if not self._waiting:
                try:
                    self._send(request)
                    return
                except QueueFullError:
                    if not wait:
                        raise
            elif not wait:
                raise self._too_many()
            self._enqueue(request)

    def _send(self, request: Request) -> None:
        started = self._socket is None
        try:
            send_request(self._connected(), request, socket.MSG_DONTWAIT)
        except HandlerGoneError:
            if started or not self._restart:
                raise
            logger.warning("%s has died; starting it again", self.argv[0])
            self._disconnect()
            send_request(self._connected(), request, socket.MSG_DONTWAIT)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self.spawn()
        assert self._socket is not None
        return self._socket

    def _enqueue(self, request: Request) -> None:
        if len(self._waiting) >= MAX_WAITING or not _slots.acquire(blocking=False):
            raise self._too_many()
        try:
            self._waiting.append((request.dup(), time.monotonic() + self._timeout))
        except BaseException:
            _slots.release()
            raise
        if self._thread is None:
            self._start_thread()

    def _start_thread(self) -> None:
        name = f"queue of {self.argv[0]}"
        self._thread = HelperThread(target=self._drain, name=name, daemon=False)
        try:
            self._thread.start()
        except RuntimeError as error:
            self._thread = None
            self._drop_first().close()
            raise self._too_many() from error

    def _too_many(self) -> QueueFullError:
        waiting = len(self._waiting)
        return QueueFullError(errno.EAGAIN, f"{waiting} requests wait for {self.argv[0]} already")

    def _drain(self) -> None:
        """Hand over what waits, in order, until nothing does. Runs in a thread of its own."""
        while (first := self._first()) is not None:
            request, deadline = first
            error = self._hand_over(request, deadline)
            self._drop_first()
            with request:
                if error is not None:
                    self._refuse(request, error)

    def _first(self) -> tuple[Request, float] | None:
        with self._lock:
            if self._waiting:
                return self._waiting[0]
            self._thread = None
            if self._closing:
                self._closing = False
                self._disconnect()
            return None

    def _drop_first(self) -> Request:
        with self._lock:
            _slots.release()
            return self._waiting.popleft()[0]

    def _hand_over(self, request: Request, deadline: float) -> Exception | None:
        woken = False
        while True:
            try:
                with self._lock:
                    self._send(request)
                return None
            except QueueFullError as error:
                if not self._wait_for_room(deadline):
                    return error
                if woken:
                    time.sleep(PAUSE)
                woken = True
            except Exception as error:
                return error

    def _wait_for_room(self, deadline: float) -> bool:
        """Wait until the child takes requests or has died; False when it is too late."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        poll = select.poll()
        try:
            with self._lock:
                sock = self._connected().dup()  # ours may be closed meanwhile
        except OSError:
            return False
        with sock:
            poll.register(sock, select.POLLOUT)
            return bool(poll.poll(None if left == float("inf") else left * 1000))

    def close(self) -> None:
        """Close the child's socket: it finishes what it has and exits. May be called again.

        Requests that wait are handed over before. A child can be used again after this.
        """
        with self._lock:
            if self._waiting:
                self._closing = True
            else:
                self._disconnect()

    def _disconnect(self) -> None:
        sock, self._socket, self._process = self._socket, None, None
        if sock is not None:
            sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
