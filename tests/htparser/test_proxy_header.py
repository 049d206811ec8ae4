"""The header of the PROXY protocol: what it tells, and what is none."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ashd.htparser._forwarded import UNIX, Node
from ashd.htparser._limits import MAX_PROXY_HEADER
from ashd.htparser._proxy_header import (
    START,
    Ends,
    ProxyHeaderError,
    crc32c,
    measure,
    read_header,
)
from ashdtest.cases import about

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY, TCP4, TCP6, UNIX_STREAM = 0x20, 0x21, 0x11, 0x21, 0x31
V4 = bytes([203, 0, 113, 7, 127, 0, 0, 1]) + struct.pack("!2H", 4711, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(15) + b"\1" + V4[8:]
ENDS4 = Ends(Node(b"203.0.113.7", b"4711"), Node(b"127.0.0.1", b"443"))
ENDS6 = Ends(Node(b"2001:db8::7", b"4711"), Node(b"::1", b"443"))


def v2(kind: int, body: bytes, command: int = PROXY) -> bytes:
    return SIGNATURE + bytes([command, kind]) + struct.pack("!H", len(body)) + body


def extra(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def checked(body: bytes, wrong: int = 0) -> bytes:
    """A header with a checksum, which may be wrong."""
    blank = v2(TCP4, body + extra(3, bytes(4)))
    return blank[:-4] + struct.pack("!I", crc32c(blank) ^ wrong)


LONGEST = b"PROXY UNKNOWN " + b"x" * (START - 16) + b"\r\n"
GOOD = {
    b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n": ENDS4,
    b"PROXY TCP6 2001:db8:0::7 ::1 4711 443\r\n": ENDS6,
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": None,
    LONGEST: None,
    v2(TCP4, V4): ENDS4,
    v2(TCP6, V6): ENDS6,
    v2(UNIX_STREAM, b"/run/a".ljust(216, b"\0")): Ends(Node(UNIX, b""), Node(UNIX, b"")),
    v2(0, b""): None,
    v2(0, b"anything"): None,
    v2(0, b"", LOCAL): None,
    v2(TCP4, V4, LOCAL): None,
    v2(0xFF, b"anything", LOCAL): None,
    v2(TCP4, V4 + extra(1, b"h2") + extra(4, b"")): ENDS4,
    v2(TCP4, V4 + extra(4, bytes(MAX_PROXY_HEADER - 16 - 12 - 3))): ENDS4,
    checked(V4 + extra(1, b"h2")): ENDS4,
}
BAD = [
    *(
        b"G",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"proxy ",
        b"PROXYTCP4",
        SIGNATURE[:-1] + b"\r",
    ),
    *(b"PROXY \r\n", b"PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n", b"PROXY UNKNOWN1\r\n"),
    *(b"PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n", b"PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n"),
    *(b"PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n", b"PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n"),
    *(b"PROXY TCP4 ::1 ::1 1 1\r\n", b"PROXY TCP4 ::1 1.1.1.1 1 1\r\n"),
    *(b"PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n", b"PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n"),
    b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
    LONGEST.replace(b"x\r", b"xx\r"),
    b"PROXY UNKNOWN " + b"x" * START,
    v2(TCP4, V4[:-1]),
    v2(TCP4, b""),
    v2(TCP6, V4),
    v2(UNIX_STREAM, b"/run/a"),
    v2(0x12, V4),
    v2(TCP4, V4, 0x22),
    v2(TCP4, V4, 0x11),
    v2(TCP4, V4 + b"\1"),
    v2(TCP4, V4 + b"\1\0\2a"),
    v2(TCP4, V4 + extra(3, b"")),
    v2(TCP4, V4 + extra(4, bytes(MAX_PROXY_HEADER - 16 - 12 - 2))),
    checked(V4, wrong=1),
]


def read(stream: bytes, piece: int) -> tuple[Ends | None, int]:
    """Return what the header at the beginning of a stream tells, and its size."""
    taken = size = 0
    while not size or taken < size:
        size = measure(stream[: taken + piece])
        taken = min(taken + piece, size or len(stream))
        assert taken < START or size
    return read_header(stream[:size]), size


def test_good_headers() -> None:
    for header, ends in GOOD.items():
        for piece in (1, 7, START):
            with about(repr(header)):
                assert read(header + b"GET / HTTP/1.1\r\n\r\n", piece) == (ends, len(header))


def test_bad_headers() -> None:
    for header in BAD:
        for piece in (1, START):
            with about(repr(header)), pytest.raises(ProxyHeaderError):
                read(header, piece)


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", SIGNATURE, v2(TCP4, V4)[:16]]))
@example(b"", b"")
def test_no_bytes_do_anything_else(rest: bytes, start: bytes) -> None:
    data = start + rest
    try:
        size = measure(data)
        assert size or len(data) < START
        if 0 < size <= len(data):
            read_header(data[:size])
    except ProxyHeaderError:
        pass
