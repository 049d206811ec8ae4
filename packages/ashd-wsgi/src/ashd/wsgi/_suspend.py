"""Responses that wait for their application: `ashd.suspend`, under models that drive responses.

An iterator must not block there, because one thread asks all of them. So it says that it has
nothing, and somebody says later that it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ashd.serve import running

from ._streams import remember


class Suspension:
    """Whether a response waits. Any thread may resume it; the others belong to who drives it.

    Attributes:
        waits: whether an empty piece suspends the response.
        ended: whether an empty piece ends it, as the process stops.
    """

    __slots__ = ("__weakref__", "_wake", "ended", "waits")

    def __init__(self, wake: Callable[[], object]) -> None:
        """Call `wake` when the response is to go on."""
        self._wake = wake
        self.waits = False
        self.ended = False
        remember(self)

    def suspend(self) -> Callable[[], None]:
        """Let the next empty piece suspend the response; return `resume`."""
        self.waits = True
        return self.resume

    def resume(self) -> None:
        """Let the response go on. It may be called at any time, and too often."""
        self.waits = False
        self._wake()

    def end(self) -> None:
        """Let the response go on, to its end."""
        self.ended = True
        self.resume()


def suspend() -> Callable[[], None]:
    """Suspend the response that this thread runs, when its iterator next yields an empty piece.

    Return a function that lets it go on, which any thread may call: the iterator is asked for its
    next piece then. It may be asked without that, too. If the client leaves meanwhile, or the
    server stops, the iterator is closed. Raises RuntimeError in a thread that runs no response.
    """
    exchange: Any = running.current()
    if exchange is None:
        raise RuntimeError("ashd.suspend is for the thread that asks the response for its pieces")
    resume: Callable[[], None] = exchange.suspend()
    return resume
