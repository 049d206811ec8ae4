"""What wakes a thread that waits: a byte in a pipe, from another thread, a signal or itself.

Python runs its signal handlers in the main thread only, and the kernel may hand a signal to any
thread. So Python is told to write a byte into one of these pipes for every signal
(`set_by_signals`), and the thread that reads it there wakes all others (`wake_others`).
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

from ._fork import keep_no_more, leave_behind

LONGEST = 3600.0
"""Seconds that one wait takes at most: poll(2) takes no more than 24 days."""

_BYTES = 4096  # read at a time: as many wake-ups as there may be

_open: set[WakeUp] = set()
"""Those that are open. Its single operations are atomic."""


class _Pipe:
    """Is closed when nobody uses it any more: one thread may write while another closes.

    A lock would not do: a signal's handler may come while its own thread holds it.
    """

    __slots__ = ("read", "write")

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # `os` may be gone first
        close(self.read)
        close(self.write)


class WakeUp:
    """A pipe, owned by the thread that waits for it. Any thread and signal handler may `set` it."""

    __slots__ = ("_pipe", "_poll")

    def __init__(self) -> None:
        """Open the pipe; it is not set. Raises OSError."""
        pipe = _Pipe(*os.pipe())
        os.set_blocking(pipe.read, False)
        os.set_blocking(pipe.write, False)
        self._pipe: _Pipe | None = pipe
        self._poll = select.poll()
        self._poll.register(pipe.read, select.POLLIN)
        _open.add(self)
        leave_behind(self.close)

    def fileno(self) -> int:
        """Return the descriptor that is readable while it is set; -1 when it is closed."""
        pipe = self._pipe
        return -1 if pipe is None else pipe.read

    def set(self, word: bytes = b"x") -> None:
        """Wake the thread that waits, or let its next wait end at once; closed, do nothing."""
        pipe = self._pipe
        if pipe is not None:
            try:
                os.write(pipe.write, word)
            except BlockingIOError:  # full of wake-ups that weren't seen yet: one more adds nothing
                pass

    def set_by_signals(self) -> None:
        """Let signals that Python has handlers for set it, each with a byte of its number."""
        assert self._pipe is not None
        signal.set_wakeup_fd(self._pipe.write, warn_on_full_buffer=False)

    def wait(self, seconds: float | None) -> None:
        """Wait until it is set, but not longer than `seconds` (None: any time); unset it."""
        if self._poll.poll(None if seconds is None else min(seconds, LONGEST) * 1000):
            self.take()

    def attend(self, look: Callable[[], float | None]) -> None:
        """Call `look` until it returns 0, then close.

        Between two calls wait, for as many seconds as it returned at most (None: any time).
        """
        try:
            while (pause := look()) != 0:
                self.wait(pause)
        finally:
            self.close()

    def take(self) -> bytes:
        """Unset it; return the words that it was set with, without waiting."""
        assert self._pipe is not None
        try:
            return os.read(self._pipe.read, _BYTES)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Close the pipe, when no other thread uses it any more. May be called again."""
        self._pipe = None
        _open.discard(self)
        keep_no_more(self.close)

    def wake_others(self) -> None:
        """Set all others: the main thread then runs the handlers of signals."""
        for wakeup in _open - {self}:
            wakeup.set()
