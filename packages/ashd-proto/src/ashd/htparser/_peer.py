"""Who the client of a connection is, and what handlers are told about it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

from ashd.proto._codec import encode_headers

from ._head import Headers
from ._portspec import Port

UNIX = b"unix"
"""The address of every client that comes over a Unix socket; handlers are told of none."""


class Peer:
    """The client of one connection; `address` is empty if it was gone before anybody could ask."""

    __slots__ = ("address", "encoded", "trusted")

    def __init__(self, port: Port, transport: asyncio.BaseTransport, ids: Iterator[str]) -> None:
        """Look at a connection that `port` has accepted; `ids` has a name for it."""
        headers = _headers(port, transport, ids)
        default = UNIX if headers else b""
        self.address: bytes = dict(headers).get(b"X-Ash-Address", default)
        self.encoded: bytes = encode_headers(headers)
        """The headers for handlers, as they stand in a datagram."""
        self.trusted = False
        """Whether it is a proxy whose word about its own clients counts."""


def _headers(port: Port, transport: asyncio.BaseTransport, ids: Iterator[str]) -> Headers:
    if transport.get_extra_info("socket").family == socket.AF_UNIX:
        return [
            (b"X-Ash-Connection-ID", next(ids).encode()),
            (b"X-Ash-Protocol", port.protocol),
        ]
    peer = transport.get_extra_info("peername")
    local = transport.get_extra_info("sockname")
    if not peer or not local:
        return []
    return [
        (b"X-Ash-Connection-ID", next(ids).encode()),
        (b"X-Ash-Address", _address(peer[0])),
        (b"X-Ash-Port", b"%d" % peer[1]),
        (b"X-Ash-Server-Address", _address(local[0])),
        (b"X-Ash-Server-Port", b"%d" % local[1]),
        (b"X-Ash-Protocol", port.protocol),
    ]


def _address(host: str) -> bytes:
    return host.partition("%")[0].encode()
