"""An access log: requests that are over come one by one, and become lines many at a time.

A request pays for a row of what is known of it, and nothing more. Lines are made in bursts, as the
code and tables that this takes are out of the processor's caches again when the next request is
over. Who adds the last row of a burst makes its lines; a row waits for the next `tick` at most.

Any thread may use an `AccessLog`. It owns its file.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from ._entry import Entry
from ._file import LogFile
from ._format import AccessFormat

BURST = 128
"""Requests whose lines are made together: some tenths of a millisecond for one of their clients."""

MOST = 16 * BURST
"""Requests that may wait while another thread makes lines, or writes to a slow disk; then threads
that add more wait for it."""


class AccessLog:
    """See the module.

    Attributes:
        entries: those whose lines aren't made yet. Who is in a hurry appends to them, and calls
            `make_lines` when there are `BURST`; anybody else calls `add`.
    """

    def __init__(self, file: LogFile, form: AccessFormat) -> None:
        """Make lines of the format `form`, and write them to `file`."""
        self._file = file
        self._form = form
        self.entries: list[Entry] = []
        self._lock = Lock()  # guards the making of lines

    def add(self, entry: Entry) -> None:
        """Take a request that is over."""
        entries = self.entries
        entries.append(entry)
        if len(entries) >= BURST:
            self.make_lines()

    def make_lines(self) -> None:
        """Make the lines of a burst, unless another thread is busy with it."""
        if self._lock.acquire(blocking=len(self.entries) >= MOST):
            try:
                self._make_lines()
            finally:
                self._lock.release()

    def tick(self) -> None:
        """Write what has come, and take note of the time of day; to be called each second."""
        with self._lock:
            self._make_lines()
            self._form.tick()
        self._file.flush()

    def reopen(self) -> None:
        """Open the file anew with the next `tick`, after writing what belongs to the old one.

        May be called in a signal handler.
        """
        self._file.reopen()

    def close(self) -> None:
        """Write what is left, and close the file."""
        with self._lock:
            self._make_lines()
        self._file.close()

    def abandon(self) -> None:
        """Close the file, in a process that was forked: the requests are not its own."""
        self._file.abandon()

    def _make_lines(self) -> None:
        count = len(self.entries)
        burst: Sequence[Entry] = self.entries[:count]
        del self.entries[:count]  # others may have come meanwhile
        self._file.add_all(self._form.lines(burst))
