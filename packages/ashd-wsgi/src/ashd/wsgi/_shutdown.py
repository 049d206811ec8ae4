"""Stopping: by signals, in time, and whatever the application left running."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from ashd.proto import holds_datagram
from ashd.serve import WakeUp, handle_signal, report_threads

from ._streams import end_streams

logger = logging.getLogger("ashd.wsgi")

_INSISTING = (signal.SIGTERM, signal.SIGINT)
"""Signals to stop, of which the second one ends the process at once."""
_PARENTS_END = 0  # in place of a signal's number

_LOOK = 0.1
"""Seconds between looks at a queue that nobody adds to any more."""

_EXIT_TIME = 5.0
"""Seconds that the interpreter may take to end once all requests are answered: for exit functions
of the application. Threads that it left running must not keep the process."""

_FORK_TIME = 1.0
"""Seconds that an end at once waits for a thread that forks just then: it may hang in that."""

_forking = threading.RLock()
"""Held by a thread that forks, and for ever by one that ends the process: a pool of processes must
not replace those that are killed. A signal handler that forks may interrupt a fork."""

os.register_at_fork(
    before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forking.release
)


class Shutdown:
    """Bounds the time to finish, in a thread, from when this process was told to stop.

    Python's signal handlers run in the main thread, and not while the application blocks there
    (under the model `single`): the thread sees a signal by the byte that Python writes for it. And
    it sees end-of-file even while all other threads are too busy.
    """

    def __init__(
        self,
        sock: socket.socket,
        stop: Callable[[], None],
        graceful_timeout: float,
        *,
        stop_on_hangup: bool = False,
    ) -> None:
        """Call `stop` on the first SIGTERM or SIGINT; the system ends the process on the second.

        With `stop_on_hangup` SIGHUP finishes what runs as well: the front end then starts the
        handler again, with new code.

        `graceful_timeout` seconds after that, after end-of-file on `sock` (and after the last of
        what was queued there was received) or after `begin`, what still runs is reported and the
        exit status is 1. To be called in the main thread; the descriptors stay open as long as the
        process lives.
        """
        self._sock = sock
        self._stop = stop
        self._signals = (*_INSISTING, signal.SIGHUP) if stop_on_hangup else _INSISTING
        self._graceful_timeout = graceful_timeout
        self._queued = 0
        self._since = 0.0  # when the last of what was queued at end-of-file was received
        self._wakeup = WakeUp()
        for number in self._signals:
            handle_signal(number, self._handle)
        self._wakeup.set_by_signals()
        threading.Thread(target=self._watch, name="shutdown", daemon=True).start()

    def begin(self, reason: int = _PARENTS_END) -> None:
        """Bound the time to finish from now on: the parent process is gone. From any thread."""
        self._wakeup.set(bytes([reason]))

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number in _INSISTING:
            for each in _INSISTING:
                signal.signal(each, signal.SIG_DFL)
        self._stop()
        self.begin(number)

    def _watch(self) -> None:
        try:
            reason = self._wait_for_end()
        except (OSError, ValueError):
            if self._sock.fileno() >= 0:
                raise
            return  # the socket is closed: all requests are answered
        end_streams()  # the thread that would notice may be the one that waits for a client
        deadline = (self._since or time.monotonic()) + self._graceful_timeout
        while (left := deadline - time.monotonic()) > 0:
            self._wakeup.wait(left)
            self._wakeup.wake_others()
        _give_up(reason, self._graceful_timeout)

    def _wait_for_end(self) -> str:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        poll.register(fd := self._sock.fileno(), 0)  # for POLLHUP alone
        ended = False
        while not ended or (holds_datagram(self._sock) and self._goes_on()):
            ready = [fd for fd, _ in poll.poll(_LOOK * 1000 if ended else None)]
            for number in self._wakeup.take():
                if number == _PARENTS_END:
                    return "the parent's end"
                self._wakeup.wake_others()  # the application may have handlers, too
                if number in self._signals:
                    self._stop()
                    return signal.Signals(number).name
            if not ended and self._wakeup.fileno() not in ready:
                poll.unregister(fd)
                ended = True
        return "end-of-file"

    def _goes_on(self) -> bool:
        """Tell whether some of what is queued was received within the time to finish."""
        queued = _bytes_queued(self._sock)
        if queued != self._queued:
            self._queued, self._since = queued, time.monotonic()
        return time.monotonic() - self._since < self._graceful_timeout


def _bytes_queued(sock: socket.socket) -> int:
    """Return how many bytes of datagrams wait in a socket."""
    from fcntl import ioctl
    from termios import FIONREAD

    return int.from_bytes(ioctl(sock, FIONREAD, bytes(4)), sys.byteorder)


def _give_up(reason: str, seconds: float) -> None:
    sys.stderr.write(
        f"ashd: requests are still running {seconds:g} s after {reason}; giving up. All threads:\n"
    )
    report_threads(sys.stderr)
    exit_at_once(1)


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
        exit_at_once(status)

    timer = threading.Timer(_EXIT_TIME, insist)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:  # no thread can be started: the kernel insists, without a word
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, _EXIT_TIME)


def exit_at_once(status: int) -> NoReturn:
    """End this process without its exit functions, but as those do, the children that need it.

    Those of `multiprocessing` wait for work for ever when their parent is gone. They are killed: a
    child that is only being forked has our handlers still, and would forget another signal.
    """
    _forking.acquire(timeout=_FORK_TIME)
    multiprocessing = sys.modules.get("multiprocessing.process")
    for child in multiprocessing.active_children() if multiprocessing else ():
        if child.daemon:
            child.kill()
    os._exit(status)
