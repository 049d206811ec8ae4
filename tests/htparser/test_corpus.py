"""Raw requests, one a file: what is passed on, and how the rest is refused.

`corpus/valid/NAME.http` has its expected outcome in `NAME.json` (text is latin-1 decoded);
`corpus/invalid/STATUS-NAME.http` is refused with that status. Each one is fed whole, byte by byte,
and with another request after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ashd.htparser._errors import RequestError
from ashd.htparser._limits import Limits
from ashdtest.requests import read_requests

CORPUS = Path(__file__).parent / "corpus"
LIMITS = Limits()
NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    # Only the first bytes and the last ones, so that the large cases don't take forever.
    yield from (data[i : i + 1] for i in range(min(len(data), 2000)))
    if len(data) > 2000:
        yield data[2000:-50]
        yield from (data[i : i + 1] for i in range(len(data) - 50, len(data)))


def followed(data: bytes) -> Iterator[bytes]:
    yield data + NEXT


FEEDS = [whole, byte_by_byte, followed]
Feed = Callable[[bytes], Iterator[bytes]]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("path", sorted(CORPUS.glob("valid/*.http")), ids=lambda path: path.stem)
def test_valid(path: Path, feed: Feed) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    head, body, whole_body = (requests := read_requests(feed(path.read_bytes()), LIMITS))[0]
    assert {
        "method": head.method.decode("latin-1"),
        "url": head.url.decode("latin-1"),
        "version": head.version.decode("latin-1"),
        "rest": head.rest.decode("latin-1"),
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in head.headers],
        "body": body.decode("latin-1"),
        "keep_alive": head.keep_alive,
        "expects_continue": head.expects_continue,
    } == expected
    assert whole_body
    assert [request.head.url for request in requests[1:]] == (
        [b"/next"] if feed is followed else []
    )


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
        read_requests(feed(data), LIMITS)
    assert refusal.value.status == int(path.stem.partition("-")[0])


@pytest.mark.parametrize("path", sorted(CORPUS.glob("valid/*.http")), ids=lambda path: path.stem)
def test_cut(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 500)):
        assert not any(request.whole for request in read_requests([data[:size]], LIMITS))


def test_body_limit() -> None:
    limits = Limits(body_size=10)
    head = b"PUT / HTTP/1.1\r\nHost: a\r\n"
    with pytest.raises(RequestError, match="--body-size") as refusal:
        read_requests([head + b"Content-Length: 11\r\n\r\n"], limits)
    assert refusal.value.status == 413
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n"
    assert read_requests([chunked], limits)[0].body == b"abcdef"
    with pytest.raises(RequestError, match="--body-size") as refusal:
        read_requests([chunked, b"5\r\n"], limits)
    assert refusal.value.status == 413


def test_lenient_targets() -> None:
    """What browsers of old send is passed on if the administrator says so."""
    refused = sorted(CORPUS.glob("invalid/400-target-raw-*.http"))
    assert refused
    for path in refused:
        data = path.read_bytes()
        (request,) = read_requests([data], Limits(lenient_targets=True))
        assert request.head.url == data.split(b" ")[1]
