"""`__current__`: how the code in a loaded file learns that a newer version has replaced it."""

from __future__ import annotations

import threading


class Current:
    """Stands in each loaded module's namespace as `__current__`.

    It is true while the module is the newest version of its file, and false for good once another
    version has taken its place, the file is gone, or the module could not be loaded to its end.
    Any thread may use it. It doesn't keep the module alive.
    """

    __slots__ = ("_replaced",)

    def __init__(self) -> None:
        self._replaced = threading.Event()

    def __bool__(self) -> bool:
        return not self._replaced.is_set()

    def __repr__(self) -> str:
        return f"<{'newest' if self else 'replaced'} version>"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the module was replaced, or `timeout` seconds; return whether it was.

        It returns what `threading.Event.wait` would, so a thread that works once a minute is
        `while not __current__.wait(60): work()`.
        """
        return self._replaced.wait(timeout)

    def end(self) -> None:
        """Make it false, and wake all threads that wait. For the module cache only."""
        self._replaced.set()
