"""The lock that is held while a file is loaded; it detects circles.

Files load one another (`importlocal`), so two threads may each load a file and wait for the
other's. Python's import system returns the half-loaded module in that case, and so do we.
"""

from __future__ import annotations

import threading
from typing import ClassVar


class LoadLock:
    """A lock whose `acquire` refuses, instead of waiting, when it would wait for itself.

    All locks share one condition, which guards `_owner` of each and the table of who waits for
    what. They are taken only when a file is looked at or loaded, never to serve a loaded one.
    """

    __slots__ = ("_owner",)

    _changed: ClassVar = threading.Condition()
    _waiting: ClassVar[dict[int, LoadLock]] = {}

    def __init__(self) -> None:
        self._owner: int | None = None

    def acquire(self) -> bool:
        """Take the lock, after waiting if necessary; return False if the wait could never end."""
        me = threading.get_ident()
        with self._changed:
            while self._owner is not None:
                if self._leads_to(me):
                    return False
                self._waiting[me] = self
                try:
                    self._changed.wait()
                finally:
                    del self._waiting[me]
            self._owner = me
            return True

    def release(self) -> None:
        """Give the lock back; only its owner may."""
        with self._changed:
            self._owner = None
            self._changed.notify_all()

    def _leads_to(self, me: int) -> bool:
        """Tell whether this lock's owner is `me`, or waits (however indirectly) for `me`."""
        lock: LoadLock | None = self
        while lock is not None and lock._owner is not None:
            if lock._owner == me:
                return True
            lock = self._waiting.get(lock._owner)
        return False
