"""The time limit on a request (`--request-timeout`): a 504, and an exception in its thread.

The exception must strike nothing but the application's own code. So a request is *open* only while
that runs, and the watchdog raises only in open ones, with `_lock` held; a thread that closes its
request takes back an exception that was raised but didn't arrive yet.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import dropwhile
from threading import get_ident

from ashd.proto import refusal
from ashd.serve import Held, running

from ._errors import RequestTimeoutError
from ._exchange import Exchange
from ._response import ASHD_STATUS_LINE

logger = logging.getLogger("ashd.wsgi")

_STUCK = 5.0
"""Seconds after its exception for which a thread may go on before it counts as stuck."""

_LOOKS = 10  # in the time of the limit: how exactly it is kept
_LONGEST_PAUSE = 0.5  # seconds

_lock = threading.Lock()
"""Guards `_ident` and `_expired` of all exchanges here, and who sends the head of a response."""


_open_exchanges: set[LimitedExchange] = set()
"""Those whose response isn't closed yet, streams too. Its single operations are atomic."""


class LimitedExchange(Exchange):
    """An exchange that another thread can end."""

    __slots__ = ("_expired", "_ident")

    def __init__(self, *arguments: object) -> None:
        """As `Exchange`."""
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._ident: int | None = None
        self._expired: float | None = None
        _open_exchanges.add(self)

    def close(self) -> None:
        super().close()
        _open_exchanges.discard(self)

    def _respond(self) -> None:
        self._open()
        try:
            super()._respond()
        finally:
            self._shut_off()

    def _begin_to_respond(self) -> bool:
        self._open()
        try:
            return super()._begin_to_respond()
        finally:
            self._shut_off()

    def _send_some(self) -> bool:
        if self._patient:  # it is open already
            return super()._send_some()
        self._open()
        try:
            return super()._send_some()
        finally:
            self._shut_off()

    def _open(self) -> None:
        with _lock:
            self._ident = get_ident()

    def _shut_off(self) -> None:
        with _lock:
            ident, self._ident = self._ident, None
            if self._expired is not None and ident is not None:
                _raise_in(ident, None)

    def _make_head(self, size: int | None) -> bytes:
        with _lock:
            if self._expired is not None:
                raise RequestTimeoutError
            head = super()._make_head(size)
            self._head_sent = True
            return head

    def _fail(self, error: BaseException) -> None:
        if self._expired is None:
            super()._fail(error)
        else:  # it was logged and, if that was possible, answered
            self._body_done = True
            self.close()

    def overdue_since(self) -> float | None:
        """Return when the limit struck, on the monotonic clock, or None."""
        return self._expired

    def expire(self, seconds: float) -> bool:
        """End the request from another thread; tell whether it was still open."""
        with _lock:
            if self._ident is None or self._expired is not None:
                return False
            stack = _stack(self._ident)
            self._expired = time.monotonic()
            answered = not self._head_sent
            if answered:
                self._head_sent = True
                page = _page()
                self._status = page.partition(b"\r\n")[0]
                _send_now(self._fd, self._status_line + page)
            else:
                _shut(self._fd)  # its thread may be waiting for the client
            _raise_in(self._ident, RequestTimeoutError)
        logger.error(
            "%s: takes more than %g s; %s. It is at:\n%s",
            self.describe(),
            seconds,
            "answered with 504" if answered else "its response is cut",
            stack,
        )
        return True


class Watchdog:
    """Looks for requests that run too long, in a thread of its own."""

    def __init__(self, seconds: float, on_stuck: Callable[[], object]) -> None:
        """Allow `seconds`; call `on_stuck` once if a thread doesn't end though it was asked to."""
        self._seconds = seconds
        self._on_stuck: Callable[[], object] | None = on_stuck

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name="request timeout", daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(min(self._seconds / _LOOKS, _LONGEST_PAUSE)):
            for held in running.snapshot():
                if held.age < self._seconds:
                    break  # the others are younger
                self._look_at(held)

    def _look_at(self, held: Held) -> None:
        exchange = held.task
        if not isinstance(exchange, LimitedExchange) or exchange.expire(self._seconds):
            return
        since = exchange.overdue_since()
        if since is not None and time.monotonic() - since > _STUCK and self._on_stuck is not None:
            logger.error("%s: its thread does not end", exchange.describe())
            on_stuck, self._on_stuck = self._on_stuck, None
            on_stuck()


def only_stuck_requests_run() -> bool:
    """Tell whether no response is open any more but those of requests that were asked to end."""
    return all(each.overdue_since() is not None for each in _open_exchanges.copy())


def _page() -> bytes:
    return refusal(504, "Connection: close\r\n").removeprefix(ASHD_STATUS_LINE)


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


def _shut(fd: int) -> None:
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    try:
        sock.shutdown(socket.SHUT_RDWR)
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


def _raise_in(ident: int, kind: type[BaseException] | None) -> None:
    """Raise an exception in a thread at its next bytecode; None takes back one that is pending."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(ident), None if kind is None else ctypes.py_object(kind)
    )
