"""What wakes the main thread while it waits for something to look at.

The kernel may hand a signal to any thread. A main thread that waited for a lock would not notice
one that another thread was given, and Python runs its handlers in the main thread only. So it waits
for a pipe, into which every signal that has a handler in Python writes a byte as well.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from types import TracebackType

_BYTES = 4096  # read at a time: as many wake-ups as there may be


class Alarm:
    """A pipe that is open inside a `with` block of the thread that waits. Any thread may `set`."""

    __slots__ = ("_poll", "_previous", "_read", "_write")

    def __init__(self) -> None:
        self._read, self._write = -1, -1
        self._previous: int | None = None

    def __enter__(self) -> Alarm:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.set_wakeup_fd(self._previous)
        os.close(self._read)
        os.close(self._write)

    def set(self) -> None:
        """Wake the thread that waits, or let its next wait end at once."""
        try:
            os.write(self._write, b"x")
        except BlockingIOError:  # full of wake-ups that were not seen yet: one more tells nothing
            pass

    def wait(self, seconds: float | None) -> None:
        """Wait for `set` or a signal, but not longer than `seconds` (None: any time)."""
        if self._poll.poll(None if seconds is None else seconds * 1000):
            os.read(self._read, _BYTES)
