"""What a client has sent and got."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

_DATE = re.compile(rb"[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT")


class Framing(Enum):
    """How a client knows where a body ends."""

    NONE = "no body"
    LENGTH = "by its length"
    CHUNKS = "by chunks"
    CLOSE = "by the end of the connection"
    CUT = "the connection ends before it"


class After(Enum):
    """What becomes of a connection after a response."""

    STAYS = "stays"
    CLOSES = "closes"
    GONE = "closes without saying so"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A response, with the request that it answers."""

    method: str
    target: str
    version: str
    status: str
    """With the reason, as `200 OK`."""
    headers: tuple[tuple[str, str], ...]
    body: bytes
    framing: Framing
    after: After
    interim: tuple[str, ...] = ()
    """The statuses of responses before the final one, as `100 Continue`."""
    chunked: bool = False
    """Whether the request's body was sent in chunks."""
    stray: bytes = b""
    """What the server has sent after the response without being asked."""

    @property
    def code(self) -> int:
        return int(self.status[:3])

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def what(self) -> str:
        """The request in a few words."""
        words = f"{self.method} {self.target[:80]} {self.version}"
        return f"{words}, in chunks" if self.chunked else words

    def header(self, name: str) -> str:
        """Return the values of a header, joined; empty if there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    def find(self, pattern: str) -> str:
        """Return the first group of a pattern that the body must have."""
        match = re.search(pattern, self.text)
        assert match, f"{self.what}: {self.status}: no {pattern!r} in {self.text[:2000]}"
        return match[1]


@dataclass(frozen=True, slots=True)
class Ran:
    """A client program that has ended."""

    command: str
    status: int
    output: str


def settled(exchange: Exchange, varies: Iterable[re.Pattern[bytes]]) -> Exchange:
    """Return an exchange without what differs from one run to the next.

    The length of a body is that of what is left of it, and a compressed one is uncompressed.
    """
    patterns = [_DATE, *varies]
    body = _settle(_uncompressed(exchange), patterns)
    lengths = {str(len(exchange.body)): str(len(body))} if exchange.body else {}
    if exchange.method == "HEAD" and exchange.header("Content-Encoding") == "gzip":
        lengths = {exchange.header("Content-Length"): "*"}

    def value(name: str, text: str) -> str:
        if name.lower() == "content-length":
            return lengths.get(text, text)
        return _settle(text.encode("latin-1"), patterns).decode("latin-1")

    return replace(
        exchange,
        target=_settle(exchange.target.encode(), patterns).decode(),
        headers=tuple((name, value(name, text)) for name, text in exchange.headers),
        body=body,
        stray=_settle(exchange.stray, patterns),
    )


def _uncompressed(exchange: Exchange) -> bytes:
    if exchange.header("Content-Encoding") != "gzip" or exchange.code == 206:
        return exchange.body
    return gzip.decompress(exchange.body) if exchange.body else b""


def _settle(data: bytes, patterns: Iterable[re.Pattern[bytes]]) -> bytes:
    for pattern in patterns:
        data = pattern.sub(b"*", data)
    return data


def settled_ran(ran: Ran, varies: Iterable[re.Pattern[bytes]]) -> Ran:
    """Return the end of a program without what differs from one run to the next."""
    output = _settle(ran.output.encode(), varies).decode()
    return replace(ran, output=output)
