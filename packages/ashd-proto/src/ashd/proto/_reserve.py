"""Keeping a receiver from running out of descriptors.

When the table is full, the kernel drops the descriptor of an incoming request, and so the request
is lost. A new descriptor always gets the lowest free number; so a high number, of a request or of
its copy, tells in advance that the table is filling up. Then descriptors are counted, and the next
request is not taken before there is room.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import sys
import threading
import time

from ._hangup import hung_up

SIZE = 64
"""Descriptors that stay free for what a handler opens while it serves (files, connections, pipes);
of small tables, a quarter."""

PATIENCE = 3.0
"""Seconds to wait before the reserve is touched: what took the numbers below it may never be
closed, and a handler must not stand still because of that."""

NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""Errors of a receiving call that takes no request while it can't install a descriptor."""

_SAY_AGAIN = 60.0  # seconds between two warnings that a receiving call fails

_PAUSE = 0.02  # seconds: nothing reports that a descriptor was closed, so one has to look

logger = logging.getLogger("ashd.proto")


def _ceiling() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return limit - min(SIZE, limit // 4)


def _in_use() -> int | None:
    """Count this process' descriptors; None when there is not even one left for that."""
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 - a Path for each would be slow
    except OSError:
        return None


class Reserve:
    """How many descriptors are left in this process, from what its receivers see of them.

    Any thread may call any method. Reading the attributes without the lock is fine: a thread that
    sees an old value learns of a shortage one request later, and the reserve is there for that.

    Attributes:
        ceiling: the descriptor number that tells of a shortage.
        short: whether `wait` has to be called before the next request is received.
    """

    __slots__ = ("_level", "_lock", "_said", "_started", "ceiling", "short")

    def __init__(self) -> None:
        """Begin with what the limit is now."""
        self._lock = threading.Lock()  # guards all below
        self._level: int | None = None
        self._started: float | None = None
        self._said: float | None = None
        self.ceiling = _ceiling()
        self.short = False

    def measure(self) -> None:
        """Take note of the process' limit, which may have changed."""
        with self._lock:
            self.ceiling = _ceiling()

    def expect_shortage(self, *, lost: bool = False, copied: bool = False) -> None:
        """Note that the number of a descriptor was high, or that one was lost.

        The shortage is over when less than the ceiling is in use again; or less than now, which
        includes the request that showed it: a process that always has many open serves one request
        after another. Of a request that was copied only one descriptor counts: the original is
        closed soon, and if that ended the shortage, copies that are kept would use up the reserve.
        """
        with self._lock:
            used = None if lost else _in_use()
            self._level = None if used is None else used - copied
            self._started = None
            self.short = True

    def wait(self, sock: socket.socket, flags: int) -> None:
        """Return when a request can be received; with `MSG_DONTWAIT` raise BlockingIOError soon."""
        while not self._is_there(sock):
            time.sleep(_PAUSE)
            if flags & socket.MSG_DONTWAIT and not self._is_there(sock):
                raise BlockingIOError(errno.EAGAIN, "waiting for descriptors to be closed")

    def wait_after(self, error: OSError, flags: int) -> None:
        """Wait a moment for descriptors, the process' or the system's, when there were none.

        With `MSG_DONTWAIT` raise BlockingIOError then.
        """
        with self._lock:
            now = time.monotonic()
            if self._said is None or now >= self._said + _SAY_AGAIN:
                self._said = now
                logger.warning("requests wait until descriptors are free: %s", error.strerror)
        time.sleep(_PAUSE)
        if flags & socket.MSG_DONTWAIT:
            raise BlockingIOError(errno.EAGAIN, "waiting for descriptors to be closed") from error

    def _is_there(self, sock: socket.socket) -> bool:
        with self._lock:
            used = _in_use()
            self.ceiling = _ceiling()
            self.short = (used is None or used >= max(self.ceiling, self._level or 0)) and not (
                self._waited_enough() and (used is not None or hung_up(sock))
            )
            return not self.short

    def _waited_enough(self) -> bool:
        now = time.monotonic()
        if self._started is None:
            self._started = now
            logger.warning("few descriptors are left: requests wait until some are closed")
        return now >= self._started + PATIENCE


RESERVE = Reserve()
"""One for the process, as the table of descriptors is."""
