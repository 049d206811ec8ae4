"""Standard error that never fails: what can't be written, to a full disk for example, is lost.

A program serves on without its log. An application that writes to `wsgi.errors`, or prints, would
fail otherwise, and Python would end with status 120. Nobody can close it either. Called once, at
the start of a program.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDERR = 2


class _LossyFile(io.FileIO):
    """Takes everything."""

    def write(self, data: ReadableBuffer, /) -> int:
        """See `io.FileIO`."""
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
        except OSError:
            return size
        return size if written is None else written  # None: a pipe that is full and doesn't wait


class _LastingText(io.TextIOWrapper):
    """Stays open: what an application closes as `wsgi.errors` is the program's log."""

    def close(self) -> None:
        """Send out what was written."""
        self.flush()


def make_stderr_lossy() -> None:
    """Replace `sys.stderr`, unless somebody has done so already."""
    old = sys.stderr
    if old is not sys.__stderr__ or old is None:
        return
    raw = _LossyFile(_STDERR, "w", closefd=False)
    raw.name = old.name
    sys.stderr = _LastingText(io.BufferedWriter(raw), old.encoding, old.errors, line_buffering=True)
