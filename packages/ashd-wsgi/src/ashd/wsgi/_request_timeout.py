"""The time limit on a request (`--request-timeout`): a 504, and an exception in its thread.

The exception must hit nothing but the application's own code. So a guard knows its thread only
while that code runs (`Guard.run`), and the watchdog raises there alone, with the guard's lock held.
A thread that leaves its guard takes back an exception that was raised but has not arrived yet.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import dropwhile
from threading import get_ident
from typing import TypeVar

from ashd.serve import Held, running

from ._channel import Channel, shut_down
from ._errors import RequestTimeoutError
from ._exchange import Exchange
from ._response import Response, logger

_STUCK = 5.0
"""Seconds after its exception for which a thread may go on before it counts as stuck."""

_PAUSE = 1.0
"""Seconds between looks at whether a worker that leaves has nothing but stuck threads left. A
request that is just being received when it begins to leave is known long before the first."""

_LOOKS = 10  # in the time of the limit: how exactly it is kept
_LONGEST_PAUSE = 0.5  # seconds

_STATUS = b"504 Gateway Timeout"

_striking = threading.Lock()
"""Held by who holds the lock of another thread's guard, so that no process is forked meanwhile."""

os.register_at_fork(
    before=_striking.acquire, after_in_parent=_striking.release, after_in_child=_striking.release
)

T = TypeVar("T")


class Guard:
    """The time limit on one request, whose thread another one can end."""

    __slots__ = ("_begun", "_channel", "_ident", "_lock", "_open", "_response", "struck")

    def __init__(self, channel: Channel, response: Response, open_guards: set[Guard]) -> None:
        """Guard what sends `response` on `channel`; be one of `open_guards` until `release`."""
        self._lock = threading.Lock()  # guards all below, and with them who sends the head
        self._open = open_guards
        self._channel = channel
        self._response = response
        self._begun = False  # the head is out, or about to be
        self._ident: int | None = None
        self.struck: float | None = None
        """When the limit struck, on the monotonic clock, or None."""
        response.gate = self._let_head_out
        open_guards.add(self)

    def release(self) -> None:
        """Note that the response socket is closed."""
        self._open.discard(self)

    def run(self, function: Callable[[], T]) -> T:
        """Call what calls the application's code, in which alone the limit may strike."""
        with self._lock:
            self._ident = get_ident()
        try:
            return function()
        finally:
            with self._lock:
                ident, self._ident = self._ident, None
                if self.struck is not None and ident is not None:
                    _discard_pending(ident)
                    if not self._begun:
                        self._response.status = _STATUS

    def _let_head_out(self) -> None:
        with self._lock:
            if self.struck is not None:
                raise RequestTimeoutError
            self._begun = True

    def let_go(self) -> None:
        """Strike no more: what runs is no request any longer. Raises `RequestTimeoutError`."""
        with self._lock:
            if self.struck is not None:
                raise RequestTimeoutError
            self._ident = None

    def strike(self, request: str, request_id: str, seconds: float) -> bool:
        """End the request from another thread; tell whether there was something to end."""
        with _striking, self._lock:
            if self._ident is None or self.struck is not None:
                return False
            stack = _stack(self._ident)
            self.struck = time.monotonic()
            if self._begun:  # its thread may be waiting for the client
                shut_down(self._channel.fd, socket.SHUT_RDWR)
            else:
                _send_now(self._channel.fd, self._response.page(_STATUS, close=True))
            _raise_in(self._ident, RequestTimeoutError)
        logger.error(
            "%s: takes more than %g s; %s. It is at:\n%s",
            request,
            seconds,
            "its response is cut" if self._begun else "answered with 504",
            stack,
            extra={"request_id": request_id},
        )
        return True


class Guards:
    """Makes the guards of the requests that one thread receives.

    Attributes:
        open: those whose response isn't closed yet, streams too. Its single operations are atomic.
    """

    def __init__(self) -> None:
        """Start with none; be known to `_only_stuck_requests_run`."""
        self.open: set[Guard] = set()
        _all_guards.append(self)

    def for_thread(self) -> Guards:
        """Return what another thread makes its guards by."""
        return Guards()

    def __call__(self, channel: Channel, response: Response) -> Guard:
        """Guard what sends `response` on `channel`."""
        return Guard(channel, response, self.open)


_all_guards: list[Guards] = []


class Watchdog:
    """Looks for requests that take too long, in a thread of its own."""

    def __init__(self, seconds: float, on_stuck: Callable[[], object]) -> None:
        """Allow `seconds`; call `on_stuck` once if a thread goes on although it was told to end."""
        self._seconds = seconds
        self._on_stuck: Callable[[], object] | None = on_stuck

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name="request timeout", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(min(self._seconds / _LOOKS, _LONGEST_PAUSE))
            for held in running.snapshot():
                if held.age < self._seconds:
                    break  # the others are younger
                self._look_at(held)

    def _look_at(self, held: Held) -> None:
        if not isinstance(held.task, Exchange) or (guard := held.task.guard) is None:
            return
        request, request_id = held.task.describe(), held.task.request_id
        if guard.strike(request, request_id, self._seconds):
            return
        since = guard.struck
        if since is not None and time.monotonic() - since > _STUCK and self._on_stuck is not None:
            named = {"request_id": request_id}
            logger.error("%s: its thread does not end", request, extra=named)
            on_stuck, self._on_stuck = self._on_stuck, None
            on_stuck()


def _only_stuck_requests_run() -> bool:
    """Tell whether no response is open any more but those of requests that were asked to end."""
    opened = (guard for guards in _all_guards.copy() for guard in guards.open.copy())
    return all(guard.struck is not None for guard in opened)


def leave_stuck_threads(leave: Callable[[], None] | None) -> None:
    """Be replaced, if there is somebody who does that; end when only stuck threads are left."""
    if leave is not None:
        leave()
        threading.Thread(target=_exit_without_stuck_threads, daemon=True).start()


def _exit_without_stuck_threads() -> None:
    time.sleep(_PAUSE)
    while not _only_stuck_requests_run():
        time.sleep(_PAUSE)
    os._exit(1)


def _send_now(fd: int, data: bytes) -> None:
    """Send and end a response without waiting: it is small, and nothing was sent before it."""
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    try:
        sock.send(data, socket.MSG_DONTWAIT)
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the client is gone
        pass
    finally:
        sock.detach()


def _stack(ident: int) -> str:
    """Return the stack of a thread, from where the application's own code begins."""
    frames = list(traceback.walk_stack(sys._current_frames().get(ident)))[::-1]
    own = dropwhile(lambda entry: _is_ours(entry[0].f_globals.get("__name__", "")), frames)
    summary = traceback.StackSummary.extract(iter(list(own) or frames))
    return "".join(summary.format())


def _is_ours(module: str) -> bool:
    return module.startswith(("ashd.wsgi", "ashd.serve", "threading"))


def _raise_in(ident: int, kind: type[BaseException]) -> None:
    """Raise an exception in a thread at its next bytecode, in place of one that is pending."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))


def _discard_pending(ident: int) -> None:
    """Take in the exception that may be pending in this thread.

    Setting none in its place would leave the interpreter looking for it at each bytecode for ever:
    that is slow, and up to Python 3.11 a function that is profiled or traced then hangs.
    """
    try:
        while True:  # until it arrives, at the latest when this turns back
            _raise_in(ident, RequestTimeoutError)
    except RequestTimeoutError:
        pass
