"""Messages of HTTP/1 as they come over a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .exchange import Framing

Headers = tuple[tuple[str, str], ...]


class Stream:
    """Bytes that `more` brings, empty at their end."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._held = bytearray()
        self.taken = 0
        """Bytes so far."""

    def at_end(self) -> bool:
        """Wait for the next byte or the end; tell whether it was the end."""
        if not self._held:
            self._held += self._more()
        return not self._held

    def until(self, end: bytes) -> bytes:
        """Take up to `end`, and leave that out."""
        seen = 0
        while (at := self._held.find(end, seen)) < 0:
            seen = max(0, len(self._held) - len(end))
            self._bring()
        return self._take(at + len(end))[:at]

    def at_most(self, size: int) -> bytes:
        """Take so many bytes, or fewer at the end."""
        return self._take(len(self.peek(size)))

    def peek(self, size: int) -> bytes:
        """Return the next bytes, which stay; fewer of them at the end."""
        while len(self._held) < size and (piece := self._more()):
            self._held += piece
        return bytes(self._held[:size])

    def rest(self) -> bytes:
        """Take all up to the end."""
        while piece := self._more():
            self._held += piece
        return self.at_most(len(self._held))

    def _take(self, size: int) -> bytes:
        data = bytes(self._held[:size])
        del self._held[:size]
        self.taken += size
        return data

    def _bring(self) -> None:
        piece = self._more()
        if not piece:
            raise ConnectionError(f"cut after {bytes(self._held[-200:])!r}")
        self._held += piece


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of a message, and its headers."""

    line: str
    headers: Headers

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)


def read_head(stream: Stream) -> Head:
    first, *lines = stream.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return Head(first, tuple((name, value.strip()) for name, _, value in fields))


def read_stray(stream: Stream) -> bytes:
    """Take what comes before the head of the next response, and belongs to none."""
    stray = bytearray()
    while (start := stream.peek(9)) not in (b"HTTP/1.1 ", b"HTTP/1.0 ") and start:
        stray += stream.at_most(1)
    return bytes(stray)


def read_body(stream: Stream, head: Head, otherwise: Framing) -> tuple[bytes, Framing]:
    """Read what follows a head; `otherwise` holds for one that says nothing of a body."""
    if head.header("transfer-encoding").lower() == "chunked":
        return _chunks(stream)
    if length := head.header("content-length"):
        body = stream.at_most(int(length))
        return body, Framing.LENGTH if len(body) == int(length) else Framing.CUT
    return (stream.rest() if otherwise is Framing.CLOSE else b""), otherwise


def _chunks(stream: Stream) -> tuple[bytes, Framing]:
    body = bytearray()
    try:
        while size := int(stream.until(b"\r\n"), 16):
            body += stream.at_most(size)
            stream.until(b"\r\n")
        while stream.until(b"\r\n"):
            pass
    except ConnectionError:
        return bytes(body), Framing.CUT
    return bytes(body), Framing.CHUNKS


_ENDS = {Framing.CLOSE, Framing.CUT}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    interim: tuple[str, ...]
    head: Head
    body: bytes
    framing: Framing
    stray: bytes = b""
    """What came before it, and belongs to no response."""

    @property
    def version(self) -> str:
        return self.head.line.split(" ", 1)[0]

    @property
    def status(self) -> str:
        return self.head.line.partition(" ")[2]

    def says_it_stays(self, version: str) -> bool:
        """Tell whether the connection is said to stay, to a client that speaks `version`."""
        options = self.head.header("connection").lower()
        if version == "HTTP/1.0" or self.version == "HTTP/1.0":
            return "keep-alive" in options and self.framing not in _ENDS
        return "close" not in options and self.framing not in _ENDS


def read_answer(
    stream: Stream, method: str, interim: tuple[str, ...] = (), *, stop_at_interim: bool = False
) -> Answer:
    """Read a response, with those that come before the final one."""
    while True:
        head = read_head(stream)
        code = int(head.line.split(" ", 2)[1])
        if code >= 200:
            break
        interim = (*interim, head.line.partition(" ")[2])
        if stop_at_interim:
            return Answer(interim, head, b"", Framing.NONE)
    if method == "HEAD" or code in (204, 304):
        return Answer(interim, head, b"", Framing.NONE)
    return Answer(interim, head, *read_body(stream, head, Framing.CLOSE))
