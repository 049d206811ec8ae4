"""The header of the PROXY protocol, versions 1 and 2, with which proxies begin connections. No I/O.

Source: https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ._forwarded import UNIX, Node, canonical
from ._limits import MAX_PROXY_HEADER

START = 107
"""Bytes of the longest line of version 1; version 2 tells its size in the first 16."""

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_SIZE = 16
_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: .*)?|TCP([46]) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _UNIX_STREAM, _UNIX_SIZE = 0x00, 0x31, 216
_INET = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}
_CHECKSUM = 0x03


class Ends(NamedTuple):
    """The two ends of a client's connection, as the header tells them."""

    client: Node
    server: Node


class ProxyHeaderError(ValueError):
    """The header is malformed; the text says how."""


def measure(data: bytes) -> int:
    """Return how many bytes a header has that begins like this; 0 if that isn't certain yet.

    As long as it isn't, all of `data` belongs to the header; with `START` bytes it is. Raises
    `ProxyHeaderError` if this can't become one.
    """
    if data.startswith(_V1[: len(data)]):
        end = data.find(b"\r\n", 0, START)
        if end < 0 and len(data) >= START:
            raise ProxyHeaderError("its line has no end")
        return end + len(b"\r\n") if end >= 0 else 0
    if not data.startswith(_V2[: len(data)]):
        raise ProxyHeaderError("there is none")
    if len(data) < _V2_SIZE:
        return 0
    size = _V2_SIZE + int.from_bytes(data[14:16], "big")
    if size > MAX_PROXY_HEADER:
        raise ProxyHeaderError(f"it is larger than {MAX_PROXY_HEADER} bytes")
    return size


def read_header(header: bytes) -> Ends | None:
    """Return what a whole header tells; None if it tells of no client (LOCAL, UNKNOWN).

    Raises `ProxyHeaderError`.
    """
    try:
        return _read_v1(header) if header.startswith(_V1) else _read_v2(header)
    except (ValueError, struct.error) as error:
        raise ProxyHeaderError("it is malformed") from error


def _read_v1(header: bytes) -> Ends | None:
    match = _LINE.fullmatch(header)
    if match is None:
        raise ValueError
    family, client, server, *ports = match.groups()
    if family is None:
        return None
    if {b":" in client, b":" in server} != {family == b"6"}:
        raise ValueError
    if max(map(int, ports)) >= 1 << 16:
        raise ValueError
    mine, theirs = (b"%d" % int(port) for port in ports)
    return Ends(Node(canonical(client), mine), Node(canonical(server), theirs))


def _read_v2(header: bytes) -> Ends | None:
    command, kind = header[12:14]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise ValueError
    body = header[_V2_SIZE:]
    if kind in _INET:
        family, length = _INET[kind]
        client, server, *ports = struct.unpack_from(f"!{length}s{length}s2H", body)
        ends = Ends(_node(family, client, ports[0]), _node(family, server, ports[1]))
        size = 2 * length + 4
    elif kind == _UNIX_STREAM and len(body) >= _UNIX_SIZE:
        ends = Ends(Node(UNIX, b""), Node(UNIX, b""))
        size = _UNIX_SIZE
    elif kind == _UNSPECIFIED:
        return None
    else:
        raise ValueError
    _check(header, _V2_SIZE + size)
    return ends


def _node(family: socket.AddressFamily, packed: bytes, port: int) -> Node:
    return Node(canonical(socket.inet_ntop(family, packed).encode("ascii")), b"%d" % port)


def _check(header: bytes, start: int) -> None:
    """Raise ValueError if what follows the addresses is malformed, or its checksum is wrong."""
    for kind, begin, end in _extras(header, start):
        if kind == _CHECKSUM:
            blank = header[:begin] + bytes(end - begin) + header[end:]
            if header[begin:end] != crc32c(blank).to_bytes(4, "big"):
                raise ValueError
            return


def _extras(header: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, begin and end of each (TLV) from `position` to the end."""
    while position < len(header):
        kind, length = struct.unpack_from("!BH", header, position)
        begin = position + 3
        position = begin + length
        if position > len(header):
            raise ValueError
        yield kind, begin, position


def crc32c(data: bytes) -> int:
    """Return the checksum of RFC 9260, appendix A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
