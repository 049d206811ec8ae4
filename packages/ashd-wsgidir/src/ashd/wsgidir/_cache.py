"""The module cache: one module for each file, replaced when the file changes.

Any number of threads may ask at once. A file that is loaded costs one stat(2) and no lock; to look
at a changed one or load it takes that file's own `LoadLock`, so only requests for the same file
wait. Nothing here holds a descriptor beyond the reading of a file.
"""

from __future__ import annotations

import gc
import os
import threading

from ._errors import UnreadableError
from ._slot import CachedModule, Finish, Slot
from ._version import stamp_of

RETRY_SECONDS = 1.0
"""A file that failed while it ran, rather than by its syntax, is tried again after this pause even
if it didn't change: a neighbour or a database that it needs may be there by then."""


class ModuleCache:
    """Loads files as modules, and loads them anew when they change.

    `retry_after` is the pause in seconds before a file that failed while it ran is tried again
    without having changed.
    """

    def __init__(self, *, retry_after: float = RETRY_SECONDS) -> None:
        self._slots: dict[str, Slot] = {}
        self._lock = threading.Lock()  # guards changes of _slots; reading one key needs no lock
        self._retry_after = retry_after

    def get(self, path: str, finish: Finish | None = None) -> CachedModule:
        """Return the newest good version of the file at `path` (absolute).

        With `finish`, it is called with each version as the last part of its loading (once for
        each version); what it raises makes that a failed load.

        Raises `LoadError` if there is no version to serve, or its subclass `UnreadableError` if
        the path doesn't lead to a readable regular file. The cache logs a failure to load.
        """
        slot = self._slots.get(path)
        if slot is not None and (quick := slot.quick) is not None:
            try:
                stamp = stamp_of(os.stat(path))  # noqa: PTH116 - the price of a request
            except (OSError, ValueError):
                stamp = None
            if quick[0] == stamp and quick[1].is_finished(finish):
                return quick[1]
        return self._look(path, finish)

    def _look(self, path: str, finish: Finish | None) -> CachedModule:
        while True:
            slot = self._slot(path)
            if not slot.lock.acquire():
                return self._half_loaded(slot)
            try:
                if not slot.forgotten:
                    return slot.refresh(finish)
            except UnreadableError:
                self._forget(slot)
                raise
            finally:
                discarded, slot.discarded = slot.discarded, False
                slot.lock.release()
                if discarded:
                    gc.collect()  # a module is a cycle, and may be large: free it now

    def _slot(self, path: str) -> Slot:
        with self._lock:
            slot = self._slots.get(path)
            if slot is None:
                slot = self._slots[path] = Slot(path, self._retry_after)
            return slot

    def _forget(self, slot: Slot) -> None:
        """Drop a file that has disappeared. The caller holds the slot's lock."""
        slot.quick = None
        slot.forgotten = True
        with self._lock:
            self._slots.pop(slot.path, None)
        if slot.entry is not None:
            slot.entry.retire(None)
            slot.entry = None
            slot.discarded = True

    @staticmethod
    def _half_loaded(slot: Slot) -> CachedModule:
        """Return the module as far as it got, as the import system does for circular imports."""
        entry = slot.loading or slot.entry  # which is being finished, if nothing is being loaded
        assert entry is not None
        return entry
