"""Health checks, which the front end answers by itself (`--health PATH`).

    PATH, PATH/ready   should this instance get requests?    200, or 503 with the reason
    PATH/live          does the front end still work?        200

`Readiness` is what a process knows of that: of the root handler, and of the end. All connections
share one, in the event loop's thread. An answer takes the way of a handler's response, so whatever
holds for those (HEAD, bodies, requests sent ahead) holds here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from enum import Enum

from ._exchange import Exchange
from ._head import RequestHead


class Condition(Enum):
    """Whether clients should come, or why not; the value is what a health check is told."""

    LOADING = "loading"
    """The root handler hasn't said yet that it serves, for the first time or again."""
    READY = "ready"
    DOWN = "down"
    """The root handler has ended."""
    DRAINING = "draining"
    """The front end was told to stop. It stays so."""


class Readiness:
    """See the module. It begins with a root handler that loads."""

    def __init__(self) -> None:
        """Have nobody to tell."""
        self.condition = Condition.LOADING
        self.has_served = False
        self._listeners: list[Callable[[Condition], object]] = []

    def listen(self, listener: Callable[[Condition], object]) -> None:
        """Call `listener` with each new condition."""
        self._listeners.append(listener)

    def enter(self, condition: Condition) -> None:
        """Take note of a condition, unless the end has begun."""
        if self.condition not in (condition, Condition.DRAINING):
            self.condition = condition
            self.has_served = self.has_served or condition is Condition.READY
            for listener in self._listeners:
                listener(condition)


class Health:
    """See the module. It answers at `paths`."""

    def __init__(self, path: str, readiness: Readiness) -> None:
        """Answer at `path` what `readiness` says."""
        base = path.encode("ascii")
        self._readiness = readiness
        self._live = base + b"/live"
        self.paths = frozenset((base, base + b"/ready", self._live))

    def asked_by(self, head: RequestHead) -> bool:
        """Tell whether a request is a health check."""
        return head.url.partition(b"?")[0] in self.paths

    def answer(self, head: RequestHead, exchange: Exchange) -> None:
        """Give `exchange` its response."""
        try:
            ours, theirs = socket.socketpair()
        except OSError:
            exchange.fail(503, "The server has no descriptors left.")
            return
        with theirs:
            theirs.sendall(self._response(head))
        exchange.connect(ours)

    def _response(self, head: RequestHead) -> bytes:
        if head.method not in (b"GET", b"HEAD"):
            return _page("405 Method Not Allowed", "ask with GET or HEAD", "Allow: GET, HEAD\r\n")
        if head.url.partition(b"?")[0] == self._live:
            return _page("200 OK", "live")
        condition = self._readiness.condition
        ready = condition is Condition.READY
        return _page("200 OK" if ready else "503 Service Unavailable", condition.value)


def _page(status: str, text: str, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
        f"Content-Length: {len(text) + 1}\r\n{more}\r\n{text}\n"
    ).encode("ascii")
