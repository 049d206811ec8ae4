"""Several observers in place of one. Nobody imports it who has one, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._adapter import Observer, Served


class Both:
    """Two observers, either of which may be two again."""

    def __init__(self, first: Observer, second: Observer) -> None:
        """Tell both of each request."""
        self._first = first
        self._second = second

    def for_thread(self) -> Both:
        """See `Observer`."""
        return Both(self._first.for_thread(), self._second.for_thread())

    def started(self, environ: dict[str, Any], served: Served) -> tuple[Any, Any]:
        """See `Observer`."""
        return self._first.started(environ, served), self._second.started(environ, served)

    def failed(self, token: tuple[Any, Any] | None, error: BaseException) -> None:
        """See `Observer`."""
        first, second = token or (None, None)
        try:
            self._first.failed(first, error)
        finally:
            self._second.failed(second, error)

    def finished(self, token: tuple[Any, Any] | None, served: Served, aborted: bool) -> None:
        """See `Observer`."""
        first, second = token or (None, None)
        try:
            self._first.finished(first, served, aborted)
        finally:
            self._second.finished(second, served, aborted)


def together(first: Observer | None, second: Observer) -> Observer:
    """Return an observer that tells `first`, if there is one, and `second`."""
    return second if first is None else Both(first, second)
