"""Work on what a client sends is linear in its bytes, however the client cuts them.

What is counted is every byte that the receive buffer looks at or copies.
"""

from __future__ import annotations

from typing import SupportsIndex, cast

import pytest

from ashd.htparser._buffer import ReceiveBuffer
from ashd.htparser._errors import RequestError
from ashd.htparser._head import RequestHead
from ashd.htparser._limits import CHUNKS_AT_ONCE, MAX_CHUNK_LINE, MAX_EMPTY_LINES, Limits
from ashd.htparser._reader import END, RequestReader
from ashdtest.builds import needs_subclasses
from ashdtest.requests import read_requests

LIMITS = Limits(body_size=0)
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PER_BYTE = 40  # in, out, once for each mark, and a few times among the first bytes of a head
ONCE = 1000


class Tally:
    """Counts the bytes that were touched."""

    def __init__(self) -> None:
        self.touched = 0

    def range(self, key: slice | SupportsIndex, size: int) -> int:
        count = len(range(*key.indices(size))) if isinstance(key, slice) else 1
        self.touched += count
        return count


def counting(tally: Tally) -> tuple[ReceiveBuffer, type[bytes]]:
    """Return a buffer and a class for what is fed, which count."""

    class Pieces(bytearray):
        def find(self, mark: bytes, begin: int = 0) -> int:  # type: ignore[override]
            found = super().find(mark, begin)
            tally.touched += (len(self) if found < 0 else found + len(mark)) - begin
            return found

        def __getitem__(self, key: slice) -> bytearray:  # type: ignore[override]
            tally.range(key, len(self))
            return super().__getitem__(key)

        def __delitem__(self, key: slice | SupportsIndex) -> None:
            tally.touched += len(self) - tally.range(key, len(self))
            super().__delitem__(key)

        def __iadd__(self, data: bytes) -> Pieces:  # type: ignore[override, misc]
            tally.touched += len(data)
            return super().__iadd__(data)

    class Fed(bytes):
        def find(self, mark: bytes, begin: int = 0) -> int:  # type: ignore[override]
            found = super().find(mark, begin)
            tally.touched += (len(self) if found < 0 else found + len(mark)) - begin
            return found

        def __getitem__(self, key: slice) -> bytes:  # type: ignore[override]
            tally.range(key, len(self))
            return super().__getitem__(key)

    class Buffer(ReceiveBuffer):
        storage = Pieces

    return Buffer(), Fed


STREAMS = {
    "a head": HEAD.replace(b"Host", b"A: " + b"x" * 20_000 + b"\r\nHost"),
    "many header lines": HEAD.replace(b"Host", b"A: b\r\n" * 190 + b"Host"),
    "a target": HEAD.replace(b"/ ", b"/" + b"x" * 20_000 + b" "),
    "a method": b"X" * 20_000 + HEAD[3:],
    "pipelined requests": HEAD * 500,
    "empty lines": (b"\r\n" * MAX_EMPTY_LINES + HEAD) * 100,
    "a length": HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 20000\r\n\r\n") + bytes(20_000),
    "chunks": CHUNKED + b"1\r\na\r\n" * 3_000 + b"0\r\n\r\n",
    "a large chunk": CHUNKED + b"4e20\r\n" + bytes(20_000) + b"\r\n0\r\n\r\n",
    "extensions": CHUNKED
    + (b"1;" + b"a" * (MAX_CHUNK_LINE - 50) + b"\r\na\r\n") * 20
    + b"0\r\n\r\n",
    "trailers": CHUNKED + b"0\r\n" + (b"A:" + b"b" * (MAX_CHUNK_LINE - 50) + b"\r\n") * 7 + b"\r\n",
    "a head without an end": b"GET / HTTP/1.1\r\nA: " + b"x" * 20_000,
}


@needs_subclasses
@pytest.mark.parametrize("step", [1, 3, 1000, 1 << 18], ids="{} at a time".format)
@pytest.mark.parametrize("data", STREAMS.values(), ids=STREAMS)
def test_bytes_touched(data: bytes, step: int) -> None:
    tally = Tally()
    buffer, fed = counting(tally)
    pieces = [fed(data[begin : begin + step]) for begin in range(0, len(data), step)]
    requests = read_requests(pieces, LIMITS, buffer)
    assert tally.touched <= PER_BYTE * len(data) + ONCE
    assert all(request.whole for request in requests)


@needs_subclasses
def test_what_is_held_is_not_copied_for_each_request_before_it() -> None:
    """A buffer of small requests, one taken at a time, while more of them come."""
    tally = Tally()
    buffer, fed = counting(tally)
    for _ in range(2000):
        buffer.append(fed(HEAD * 2))
        assert buffer.take(buffer.find(b"\r\n\r\n")) == HEAD
    for _ in range(2000):
        assert buffer.take(buffer.find(b"\r\n\r\n")) == HEAD
    assert not buffer.size
    assert tally.touched <= PER_BYTE * 4000 * len(HEAD)


def test_empty_lines_are_few() -> None:
    assert read_requests([b"\r\n" * MAX_EMPTY_LINES + HEAD], LIMITS)
    for step in (1, 2, 1 << 16):
        data = b"\r\n" * 10_000
        with pytest.raises(RequestError, match="empty lines") as refusal:
            read_requests([data[i : i + step] for i in range(0, len(data), step)], LIMITS)
        assert refusal.value.status == 400


def test_a_flood_of_chunks_is_taken_a_few_at_a_time() -> None:
    """So that others have their turn in between."""
    reader = RequestReader(LIMITS)
    reader.feed(CHUNKED + b"1\r\na\r\n" * 1000 + b"0\r\n\r\n")
    assert isinstance(reader.next_event(), RequestHead)
    pieces = list(iter(reader.next_event, END))
    assert b"".join(cast("list[bytes]", pieces)) == b"a" * 1000
    assert all(len(cast("bytes", piece)) <= CHUNKS_AT_ONCE for piece in pieces)
