"""The state of a file when it was read, and whether a later change is certain to show."""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass

from ._errors import LoadError, UnreadableError

CLOCK_TICK_NS = 2_000_000_000
"""A file that was saved twice within one tick of its file system's clock looks the same to stat(2).
Ticks are 1 to 10 ms on local Linux file systems and up to 2 s on others (FAT), so a file this fresh
is compared by its content."""

_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # these don't mean that the file is gone

Stamp = tuple[int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what tells versions apart: time of change of the content (ns), size, inode.

    The last part is the time of change of the inode: it tells only that rights may have changed.
    """
    return (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Version:
    """One reading of a file. If it is `settled`, every later save changes its stamp."""

    stamp: Stamp
    source: bytes
    mtime: float
    settled: bool

    def same_file_as(self, other: Version) -> bool:
        """Tell whether nothing was saved between the two readings."""
        return self.stamp[:3] == other.stamp[:3] and self.source == other.source


def read_version(path: str) -> Version:
    """Read a file.

    Raises `UnreadableError` for anything but a readable, regular file, and a plain `LoadError` when
    descriptors or memory ran out.
    """
    now = time.time_ns()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not block us
        try:
            status = os.fstat(fd)
            source = _content(fd) if stat.S_ISREG(status.st_mode) else None
        finally:
            os.close(fd)
    except ValueError as error:
        raise UnreadableError(f"{path!r} is not a path: {error}", path) from error
    except OSError as error:
        kind = LoadError if error.errno in _PASSING else UnreadableError
        raise kind(f"{path} can't be read: {error.strerror}", path) from error
    if source is None:
        raise UnreadableError(f"{path} is not a regular file", path)
    settled = abs(now - status.st_mtime_ns) > CLOCK_TICK_NS
    return Version(stamp_of(status), source, status.st_mtime, settled)


def _content(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        return file.read()
