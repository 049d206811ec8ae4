"""What an object's method can know about the call that it is in: whether its client is still there.

The server sets the caller for its thread around each call; outside of one there is none, and nobody
leaves.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Caller(Protocol):
    """The connection that a method is called for."""

    def wait_left(self, seconds: float) -> bool:
        """Sleep, but no longer than the client stays; True when it has left."""

    def after_reply(self, action: Callable[[], None]) -> None:
        """Call `action` once the answer was sent."""


_current = threading.local()


@contextmanager
def calling(caller: Caller | None) -> Iterator[None]:
    """For the server: `caller` is who this thread works for."""
    _current.caller = caller
    try:
        yield
    finally:
        _current.caller = None


def current_caller() -> Caller | None:
    """Return who this thread works for."""
    return getattr(_current, "caller", None)


def wait_left(seconds: float) -> bool:
    """Sleep for `seconds`, or until the client that called this method leaves. True when it has
    left.
    """
    caller = current_caller()
    if caller is None:
        time.sleep(seconds)
        return False
    return caller.wait_left(seconds)


def after_reply(action: Callable[[], None]) -> None:
    """Call `action` once the answer to this call was sent; at once when nobody waits for one."""
    caller = current_caller()
    if caller is None:
        action()
    else:
        caller.after_reply(action)
