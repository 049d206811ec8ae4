"""Which workers are idle: a byte for each, in memory that the parent and all of them share.

A worker that has requests running leaves new ones to those that have none. Nobody has to be asked:
each writes its own byte, before it waits and after it, and reads those of the others. The parent
clears the byte of one that has died.
"""

from __future__ import annotations

import mmap
import os

_SIZE = 256
"""Workers that there can be at the same time, old ones that finish included; others go without."""

_IDLE = b"\1"


class Place:
    """A worker's own byte.

    Attributes:
        waiting: the threads that wait for requests. Each adds and removes itself, and calls `note`
            then. Single operations on a set are atomic.
    """

    def __init__(self, fd: int, number: int) -> None:
        """Take the place `number` on the board that `fd` is; that is borrowed."""
        self._memory = mmap.mmap(fd, _SIZE)
        self._number = number
        self.waiting: set[int] = set()

    def note(self, tasks: object) -> None:
        """Tell the others whether this worker is idle: it waits, and `tasks` is false.

        To be called when either has changed, from any thread. Where two do at the same time, the
        byte may be written last by the one that has looked first; it looks once more.
        """
        self._memory[self._number] = bool(self.waiting) and not tasks
        if tasks or not self.waiting:
            self._memory[self._number] = False

    def others_are_idle(self) -> bool:
        """Tell whether some other worker is idle. To be called while this one isn't."""
        return self._memory.find(_IDLE) >= 0


class Places:
    """All places, for the parent, which owns the descriptor."""

    def __init__(self) -> None:
        """Make the memory. Raises OSError."""
        self.fd = os.memfd_create("ashd workers")
        os.ftruncate(self.fd, _SIZE)
        self._memory = mmap.mmap(self.fd, _SIZE)
        self._free = list(range(_SIZE))[::-1]

    def take(self) -> int | None:
        """Return the number of a free place; None if there is none."""
        return self._free.pop() if self._free else None

    def release(self, number: int) -> None:
        """Free the place of a worker that is gone."""
        self._memory[number] = False
        self._free.append(number)

    def close(self) -> None:
        """Close the descriptor."""
        self._memory.close()
        os.close(self.fd)
