"""A WSGI application that tells all its clients what happens, by server-sent events.

It is for `ashd-wsgi -t rplex`. A client that has nothing to hear holds no thread: its response is
suspended, and goes on when there is an event.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PAGE = b"""<!DOCTYPE html>
<title>Events</title>
<form><input name=text autofocus> <button>Tell everybody</button></form>
<ul></ul>
<script>
new EventSource("events").onmessage = function (event) {
  var item = document.createElement("li");
  item.textContent = event.data;
  document.querySelector("ul").append(item);
};
document.forms[0].onsubmit = function (event) {
  event.preventDefault();
  fetch("tell", {method: "POST", body: this.text.value});
  this.reset();
};
</script>
"""

HEADERS = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
KEPT = 100
"""Events that a client may be behind. One that is slower misses the oldest."""
PAUSE = 15.0
"""Seconds between comments, which keep proxies from taking a connection for dead."""


class Inbox:
    """What one client is still to be told. Its response takes from it; any thread puts into it."""

    __slots__ = ("_waiting", "resume")

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self.resume: Callable[[], None] = lambda: None

    def put(self, event: bytes) -> None:
        """Add an event, and let the response go on."""
        self._waiting.append(event)
        self.resume()

    def take(self) -> bytes:
        """Return all that waits; nothing if there is nothing."""
        taken = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return b"".join(taken)


inboxes: set[Inbox] = set()


def tell(event: bytes) -> None:
    """Tell everybody. Any thread may do it."""
    for inbox in inboxes.copy():
        inbox.put(event)


def follow(suspend: Callable[[], Callable[[], None]]) -> Iterator[bytes]:
    """Yield events as they come; an empty piece if there is none, which suspends the response."""
    inbox = Inbox()
    inboxes.add(inbox)
    try:
        yield b": welcome\n\n"
        while True:
            inbox.resume = suspend()  # before the look: what comes after it resumes
            yield inbox.take()
    finally:  # the client has left, or the server stops
        inboxes.discard(inbox)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve the page, the events, and who tells some."""
    path = environ["PATH_INFO"]
    if path == "/events" and "ashd.suspend" in environ:
        start_response("200 OK", HEADERS)
        return follow(environ["ashd.suspend"])
    if path == "/events":
        start_response("501 Not Implemented", [("Content-Type", "text/plain")])
        return [b"Start ashd-wsgi with -t rplex.\n"]
    if path == "/tell" and environ["REQUEST_METHOD"] == "POST":
        text = environ["wsgi.input"].read(4096)
        tell(b"".join(b"data: %b\n" % line for line in text.splitlines()) + b"\n")
        start_response("204 No Content", [])
        return []
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [PAGE]


def keep_alive() -> None:
    """Send everybody a comment now and then, which browsers ignore."""
    while True:
        threading.Event().wait(PAUSE)
        tell(b":\n\n")


threading.Thread(target=keep_alive, daemon=True).start()
