"""The option `--reload`: a process that leaves when its application's files change.

It is a worker, so its parent starts another, which loads the application anew. One that can't load
it answers requests by saying why, and leaves likewise when somebody has mended it.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from . import _bytecode
from ._adapter import Application
from ._errors import StartError
from ._explain import explain, traceback_of
from ._failure_page import failure_page, showing_failures
from ._shutdown import exit_at_once

logger = logging.getLogger("ashd.wsgi")

_LOOK = 0.5
"""Seconds between looks at the files, where nothing tells of changes."""

_REVIEW = 1000
"""Milliseconds between looks at which folders have files of the application."""

_FINISH = 5.0
"""Seconds that requests may take after a change. Streams of events would never end."""

State = tuple[int, int, int] | None
"""What tells versions of a file apart; None if there is none."""


class Reloader:
    """Knows the files of an application, and waits for one to change."""

    def __init__(
        self, program: str, style: str, folders: Sequence[str], graceful_timeout: float
    ) -> None:
        """Observe imports from now on. `folders` are where modules may appear that are missing.

        `style` is that of the program's log. Requests may take `graceful_timeout` seconds after a
        change, and `_FINISH` at most.
        """
        self._time = min(_FINISH, graceful_timeout)
        self._program = program
        self._style = style
        self._folders = set(folders)
        self._seen: dict[str, State] = {}
        self._failed = False
        _bytecode.observers.append(self._observe)

    def _observe(self, path: str) -> None:
        self._seen[path] = _state(path)

    def load(self, load: Callable[[], Application]) -> Application:
        """Return the application or, if it can't be loaded, one that says why.

        It imports some modules only when it is called, and what goes wrong then is shown as well.
        """
        try:
            return showing_failures(load())
        except StartError as error:
            explain(self._program, error, self._style)
            self._failed = True
            self._folders |= self._folders_of_files() | _namespaces()
            for path in _sources(self._folders):
                self._seen.setdefault(path, _state(path))
            return failure_page("The application can't be loaded", f"{traceback_of(error)}{error}")

    def _folders_of_files(self) -> set[str]:
        return {os.path.dirname(path) for path in list(self._seen)}  # noqa: PTH120

    def watch(self, leave: Callable[[], None]) -> None:
        """Call `leave` in another thread when a file has changed, and end the process in time."""

        def run() -> None:
            changed = next(filter(None, map(self._changed, self._looks())))
            logger.info("reloading: %s has changed", changed)
            leave()
            time.sleep(self._time)
            logger.info("requests that are still running are cut")
            exit_at_once(0)

        threading.Thread(target=run, name="reload", daemon=True).start()

    def _changed(self, _: object) -> str | None:
        """Return a file that isn't what it was when it was read."""
        for path, state in list(self._seen.items()):
            if _state(path) != state:
                return path
        if self._failed:
            return next((path for path in _sources(self._folders) if path not in self._seen), None)
        return None

    def _looks(self) -> Iterator[object]:
        """Yield whenever it is time to look at the files."""
        try:
            yield from self._events()
        except ImportError:
            pass
        except Exception as error:
            logger.warning("watchfiles doesn't work, and isn't used: %s", error)
        while True:
            time.sleep(_LOOK)
            yield None

    def _events(self) -> Iterator[object]:
        """Yield when files may have changed, as watchfiles says. Raises what that raises."""
        from watchfiles import watch

        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it tells of each change
        while True:
            folders = self._folders_to_watch()
            events = watch(
                *folders,
                watch_filter=None,
                rust_timeout=_REVIEW,
                yield_on_timeout=True,
                raise_interrupt=False,
                recursive=False,
            )
            yield None  # for what has changed before
            for event in events:
                yield event
                if self._folders_to_watch() != folders:
                    break

    def _folders_to_watch(self) -> list[str]:
        folders = self._folders | self._folders_of_files()
        return sorted(filter(os.path.isdir, folders)) or ["/"]


def _namespaces() -> set[str]:
    """Return the folders of packages that have no file of their own."""
    attributes = [getattr(each, "__dict__", {}) for each in list(sys.modules.values())]
    return {
        folder
        for each in attributes
        if each.get("__file__") is None
        for folder in each.get("__path__", ())
    }


def _state(path: str) -> State:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _sources(folders: Iterable[str]) -> Iterator[str]:
    """Yield the files of modules and packages that are directly in folders."""
    for folder in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            path = entry.path
            if entry.name.endswith(".py"):
                yield path
            elif os.path.exists(init := os.path.join(path, "__init__.py")):  # noqa: PTH110, PTH118
                yield init
