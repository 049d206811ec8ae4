"""What an object's method can know about the call that it is in: whether its client is still there.

The server sets the caller for its thread around each call; outside of one there is none, and nobody
leaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

MAX_SECONDS = 3600.0
"""The longest time that a method may be asked to work."""


class Caller(Protocol):
    """The connection that a method is called for."""

    def wait_left(self, seconds: float) -> bool:
        """Sleep, but no longer than the client stays; True when it has left."""

    def after_reply(self, action: Callable[[], None]) -> None:
        """Call `action` once the answer was sent."""


class _Current(threading.local):
    caller: Caller | None = None


_current = _Current()


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """For the server: `caller` is who this thread works for."""
    _current.caller = caller
    try:
        yield
    finally:
        _current.caller = None


def wait_left(seconds: float) -> bool:
    """Sleep, or until the client that called this method leaves. True when it has left."""
    if _current.caller is not None:
        return _current.caller.wait_left(seconds)
    time.sleep(seconds)
    return False


def after_reply(action: Callable[[], None]) -> None:
    """Call `action` once the answer to this call was sent; at once when nobody waits for one."""
    if _current.caller is not None:
        _current.caller.after_reply(action)
    else:
        action()


def between(name: str, value: float, most: float) -> float:
    """Return an argument, or raise ValueError when it isn't in its range."""
    if not 0 < value <= most:
        raise ValueError(f"{name} must be more than 0 and at most {most:g}")
    return float(value)
