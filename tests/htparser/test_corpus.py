"""Raw requests, one a file: what is passed on, and how the rest is refused.

`corpus/valid/NAME.http` has its expected outcome in `NAME.json` (text is latin-1 decoded);
`corpus/invalid/STATUS-NAME.http` is refused with that status. Each one is fed whole, byte by byte,
and with another request behind it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ashd.htparser._body import body_reader
from ashd.htparser._errors import RequestError
from ashd.htparser._head import RequestHead, take_head
from ashd.htparser._limits import Limits

CORPUS = Path(__file__).parent / "corpus"
LIMITS = Limits()
BEHIND = b"GET /behind HTTP/1.1\r\nHost: b\r\n\r\n"


class Outcome(NamedTuple):
    head: RequestHead
    body: bytes
    behind: bytes


def read_request(pieces: Iterable[bytes]) -> Outcome | None:
    """Return the first request in a stream, or None when it isn't complete at its end."""
    stream = iter(pieces)
    held = b""
    head = None
    while head is None:
        piece = next(stream, None)
        if piece is None:
            return None
        head, held = take_head(held + piece, LIMITS)
    reader = body_reader(head.length, LIMITS.body_size)
    if reader is None:
        return Outcome(head, b"", held + b"".join(stream))
    body = reader.feed(held)
    while not reader.complete:
        piece = next(stream, None)
        if piece is None:
            return None
        body += reader.feed(piece)
    return Outcome(head, body, reader.rest + b"".join(stream))


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    # Only the first bytes and the last ones, so that the large cases don't take forever.
    yield from (data[i : i + 1] for i in range(min(len(data), 2000)))
    if len(data) > 2000:
        yield data[2000:-50]
        yield from (data[i : i + 1] for i in range(len(data) - 50, len(data)))


def followed(data: bytes) -> Iterator[bytes]:
    yield data + BEHIND


FEEDS = [whole, byte_by_byte, followed]
Feed = Callable[[bytes], Iterator[bytes]]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("path", sorted(CORPUS.glob("valid/*.http")), ids=lambda path: path.stem)
def test_valid(path: Path, feed: Feed) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    outcome = read_request(feed(path.read_bytes()))
    assert outcome is not None
    head = outcome.head
    assert {
        "method": head.method.decode("latin-1"),
        "url": head.url.decode("latin-1"),
        "version": head.version.decode("latin-1"),
        "rest": head.rest.decode("latin-1"),
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in head.headers],
        "body": outcome.body.decode("latin-1"),
        "keep_alive": head.keep_alive,
        "expects_continue": head.expects_continue,
    } == expected
    assert outcome.behind == (BEHIND if feed is followed else b"")


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        pytest.param(path, feed, id=f"{path.stem}-{feed.__name__}")
        for path in sorted(CORPUS.glob("invalid/*.http"))
        for feed in FEEDS
        if not (feed is followed and path.stem.endswith("endless"))
    ],
)
def test_invalid(path: Path, feed: Feed) -> None:
    data = path.read_bytes()
    with pytest.raises(RequestError) as refusal:
        read_request(feed(data))
    assert refusal.value.status == int(path.stem.partition("-")[0])


@pytest.mark.parametrize("path", sorted(CORPUS.glob("valid/*.http")), ids=lambda path: path.stem)
def test_cut(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 500)):
        assert read_request([data[:size]]) is None


def test_body_limit() -> None:
    limits = Limits(body_size=10)
    with pytest.raises(RequestError) as refusal:
        take_head(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", limits)
    assert refusal.value.status == 413
    reader = body_reader(None, limits.body_size)
    assert reader is not None
    assert reader.feed(b"6\r\nabcdef\r\n") == b"abcdef"
    with pytest.raises(RequestError) as refusal:
        reader.feed(b"5\r\n")
    assert refusal.value.status == 413
