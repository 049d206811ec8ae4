"""Stopping: by signals, in time, and whatever the application left running."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

from ashd.serve import report_threads

logger = logging.getLogger("ashd.wsgi")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_LOOK = 0.1
"""Seconds between looks at a queue that nobody adds to any more."""

_EXIT_TIME = 5.0
"""Seconds that the interpreter may take to end once all requests are answered: for exit functions
of the application. Threads that it left running must not keep the process."""


def stop_on_signals(stop: Callable[[], None], graceful_timeout: float | None) -> None:
    """Call `stop` on the first SIGTERM or SIGINT; let the system end the process on the second.

    The time to finish is bounded as by `bound_finish`. To be called in the main thread.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        stop()
        bound_finish(graceful_timeout, signal.Signals(number).name)

    for each in _SIGNALS:
        signal.signal(each, handle)


def bound_finish(graceful_timeout: float | None, reason: str) -> None:
    """Report what still runs in `graceful_timeout` seconds (None: never), and exit with 1."""
    if graceful_timeout is not None:
        _after(graceful_timeout, lambda: _give_up(reason, graceful_timeout))


def watch_signals(stop: Callable[[], None], graceful_timeout: float) -> int:
    """Return a descriptor for `signal.set_wakeup_fd`, which stays open; a thread looks at it.

    Python's handlers run in the main thread, and not while the application blocks there (under
    the model `single`): without this, a signal that came just before that would bound nothing.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)

    def watch() -> None:
        while number := os.read(read, 1)[0]:
            if number in _SIGNALS:
                stop()
                bound_finish(graceful_timeout, signal.Signals(number).name)

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return write


def bound_finish_after_end(sock: socket.socket, graceful_timeout: float | None) -> None:
    """Bound the time to finish after end-of-file on `sock`, even if all threads are too busy to
    see it. Requests that are still queued then are served first.
    """
    if graceful_timeout is None:
        return

    def watch() -> None:
        poll = select.poll()
        poll.register(sock, 0)  # for POLLHUP alone
        pause = threading.Event()
        try:
            poll.poll()
            while sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                pause.wait(_LOOK)
        except OSError:  # nothing to wait for any more
            pass
        bound_finish(graceful_timeout, "end-of-file")

    threading.Thread(target=watch, name="end-of-file", daemon=True).start()


def _give_up(reason: str, seconds: float) -> None:
    sys.stderr.write(
        f"ashd: requests are still running {seconds:g} s after {reason}; giving up. All threads:\n"
    )
    report_threads(sys.stderr)
    os._exit(1)


def bound_exit(status: int) -> None:
    """See to it that the process ends, even if threads of the application don't."""

    def insist() -> None:
        names = ", ".join(
            thread.name
            for thread in threading.enumerate()
            if not thread.daemon and thread is not threading.main_thread()
        )
        sys.stderr.write(f"ashd: not waiting for the application's threads ({names or '-'})\n")
        sys.stderr.flush()
        os._exit(status)

    try:
        _after(_EXIT_TIME, insist)
    except RuntimeError:  # no thread can be started: the kernel insists, without a word
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _EXIT_TIME)


def _after(seconds: float, function: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
