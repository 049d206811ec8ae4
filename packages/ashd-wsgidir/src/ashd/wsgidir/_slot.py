"""One file of the module cache: its versions, and why the newest may not be in use.

Use a slot only while holding its `lock`; `quick` alone may be read without it.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from . import _loader
from ._current import Current
from ._errors import LoadError, NoApplicationError, UnreadableError
from ._loadlock import LoadLock
from ._version import Stamp, Version, read_version

logger = logging.getLogger("ashd.wsgidir")


class CachedModule:
    """One loaded version of a file. Callers may attach attributes of their own to it.

    They go with the version. The cache itself never takes `lock`.

    Attributes:
        mod: the module.
        lock: a reentrant lock, for callers that attach attributes.
        mtime: the file's modification time when it was read, in seconds since the epoch.
    """

    def __init__(
        self, mod: ModuleType | None = None, mtime: float = -1, current: Current | None = None
    ) -> None:
        """Make an entry; the cache does. One without a module is for callers of the original."""
        self.mod: ModuleType = cast("ModuleType", mod)
        self.lock: threading.RLock = threading.RLock()
        self.mtime = mtime
        self._current = current or Current()
        self._finished: set[Finish] = set()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __repr__(self) -> str:
        return f"<CachedModule {self.mod!r}>"

    def is_finished(self, finish: Finish | None) -> bool:
        """Tell whether `finish` has been called for this version (or is None)."""
        return finish is None or finish in self._finished

    def finish(self, finish: Finish) -> None:
        """Call `finish` for this version, and remember that it went well."""
        finish(self)
        self._finished.add(finish)

    def retire(self, successor: CachedModule | None) -> None:
        """Mark this version as replaced: `__current__` is false from now on."""
        _loader.withdraw(self.mod, successor.mod if successor else None)
        self._current.end()


Finish = Callable[[CachedModule], object]
"""What makes a loaded module fit for use, as the last part of loading it."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the newest version of a file is not in use. As text, it keeps no object alive."""

    message: str
    details: str
    retry_at: float


class Slot:
    """What the cache knows about one file. `lock` guards everything but `quick`.

    `quick` is replaced as a whole: the entry to serve, and the stamp for which that is certain.
    """

    __slots__ = (
        "_failure",
        "_finishes",
        "_retry_after",
        "_version",
        "discarded",
        "entry",
        "forgotten",
        "loading",
        "lock",
        "path",
        "quick",
    )

    def __init__(self, path: str, retry_after: float) -> None:
        self.path = path
        self.lock = LoadLock()
        self.quick: tuple[Stamp, CachedModule] | None = None
        self.entry: CachedModule | None = None
        self.loading: CachedModule | None = None
        self.forgotten = False
        self.discarded = False
        self._version: Version | None = None
        self._failure: _Failure | None = None
        self._finishes: dict[Finish, None] = {}
        self._retry_after = retry_after

    def refresh(self, finish: Finish | None) -> CachedModule:
        """Look at the file, load it if that is needed, and return the version to use."""
        version = self._read()
        if finish is not None:
            self._finishes.setdefault(finish)
        changed = self._version is None or not version.same_file_as(self._version)
        self._version = version
        if changed or (self._failure is not None and self._failure.retry_at <= time.monotonic()):
            self._load(version, logging.ERROR if changed else logging.DEBUG)
        elif self._failure is None and self.entry and not self.entry.is_finished(finish):
            self._finish_late(self.entry)
        certain = version.settled and self._failure is None and self.entry is not None
        self.quick = (version.stamp, self.entry) if certain and self.entry else None
        return self._answer(finish)

    def _read(self) -> Version:
        try:
            return read_version(self.path)
        except UnreadableError:
            raise
        except LoadError:
            if self._version is None:
                raise
            return self._version

    def _answer(self, finish: Finish | None) -> CachedModule:
        if self.entry is not None and self.entry.is_finished(finish):
            return self.entry
        failure = self._failure or _Failure(f"{self.path} is not loaded", "", 0)
        raise LoadError(failure.message, self.path, failure.details)

    def _load(self, version: Version, level: int) -> None:
        try:
            code = _loader.compile_file(self.path, version.source)
        except Exception as error:
            self._fail(error, level, float("inf"))
            return
        module, current = _loader.new_module(self.path, version.source)
        entry = CachedModule(module, version.mtime, current)
        self.loading = entry
        loaded = False
        try:
            _loader.execute(entry.mod, code)
            for finish in self._finishes:
                entry.finish(finish)
            loaded = True
        except (Exception, SystemExit) as error:
            self._fail(error, level, time.monotonic() + self._retry_after)
        except BaseException:
            self._version = None  # interrupted, not failed: load it again
            raise
        finally:
            self.loading = None
            if not loaded:
                entry.retire(self.entry)
                self.discarded = True
        if loaded:
            self._replace(entry)

    def _replace(self, entry: CachedModule) -> None:
        old, self.entry, self._failure = self.entry, entry, None
        if old is not None:
            old.retire(entry)
            self.discarded = True

    def _finish_late(self, entry: CachedModule) -> None:
        """Finish a version that was loaded before anybody asked for that."""
        try:
            for finish in self._finishes:
                if not entry.is_finished(finish):
                    entry.finish(finish)
        except (Exception, SystemExit) as error:
            self._fail(error, logging.ERROR, time.monotonic() + self._retry_after)

    def _fail(self, error: BaseException, level: int, retry_at: float) -> None:
        ours = isinstance(error, NoApplicationError)
        details = "" if ours else _own_traceback(error, self.path)
        reason = str(error) if ours else _one_line(error)
        message = f"{self.path} could not be loaded: {reason}"
        self._failure = _Failure(message, details, retry_at)
        served = self.entry is not None and all(map(self.entry.is_finished, self._finishes))
        going_on = "; its earlier version goes on serving" if served else ""
        logger.log(level, "%s%s%s", message, going_on, details and "\n" + details.rstrip())


def _own_traceback(error: BaseException, path: str) -> str:
    """Return the traceback as text, from the first frame that is the file's own."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    return "".join(traceback.TracebackException(type(error), error, frames).format())


def _one_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
