"""Who the client of a connection is, and what handlers are told about it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import NamedTuple

from ashd.proto._codec import encode_headers

from ._forwarded import (
    CLIENT_NAMES,
    FORWARDING,
    PROTOCOL,
    SERVER_PORT,
    UNIX,
    Node,
    Word,
    canonical,
    word_of,
)
from ._head import Headers, RequestHead
from ._portspec import Port
from ._proxy_header import Ends
from ._request_lines import make_field

_log = logging.getLogger("ashd.htparser")
_TLS = b"X-Ash-TLS-"


class Arrival(NamedTuple):
    """How a connection has come: the port that accepted it, and its client's ends.

    These are there if a proxy has told of them before the first request.
    """

    port: Port
    ends: Ends | None


class Peer:
    """The client of one connection; `address` is empty if it was gone before anybody could ask."""

    __slots__ = ("_own", "_proxies", "address", "encoded", "trusted")

    def __init__(
        self, arrival: Arrival, transport: asyncio.BaseTransport, ids: Iterator[str]
    ) -> None:
        """Look at a connection; `ids` has a name for it."""
        port = arrival.port
        ends = arrival.ends or _ends(transport)
        headers = [] if ends is None else _headers(port, ends, ids)
        self.address: bytes = b"" if ends is None else ends.client.address
        self.encoded: bytes = encode_headers(headers)
        """The headers for handlers, as they stand in a datagram."""
        self._own: _Own | None = None
        self._proxies = port.proxies
        self.trusted: bool = port.proxies.covers(self.address)
        """Whether it is a proxy whose word about its own clients counts."""

    def tell(self, headers: Headers) -> None:
        """Let handlers know more about the client."""
        self.encoded += encode_headers(headers)

    def hear(self, head: RequestHead) -> None:
        """Make of a request what it says of another client, or take that away.

        Raises `RequestError` if that is malformed, and counts.
        """
        assert head.forwarding is not None
        if self.trusted:
            word = word_of(head.forwarding, self._proxies)
            head.client = self._headers_by(word)
            _correct(head, word)
        else:
            _note_untrusted(self.address)
            head.fields = [each for each in head.fields if each.key not in FORWARDING]

    def _headers_by(self, word: Word) -> bytes:
        if self._own is None:
            self._own = _Own.of(self.encoded)
        own = self._own
        client = own.client + own.tls if word.client is None else word.client
        port, protocol = word.server_port or own.server_port, word.protocol or own.protocol
        return own.fixed + client + port + protocol


class _Own(NamedTuple):
    """Headers of a connection, encoded, by what may be said in their place."""

    fixed: bytes
    client: bytes
    server_port: bytes
    protocol: bytes
    tls: bytes
    """Not those of a client for whom a proxy speaks."""

    @classmethod
    def of(cls, encoded: bytes) -> _Own:
        strings = encoded.split(b"\0")
        parts = [b""] * 5
        for name, value in zip(strings[:-1:2], strings[1::2], strict=True):
            part = _PART.get(name, 4 if name.startswith(_TLS) else 0)
            parts[part] += encode_headers([(name, value)])
        return cls(*parts)


_PART = dict.fromkeys(CLIENT_NAMES, 1) | {SERVER_PORT: 2, PROTOCOL: 3}


def _correct(head: RequestHead, word: Word) -> None:
    """Take what doesn't count out of a request, and put the client's host in."""
    if word.ignored:
        head.fields = [each for each in head.fields if each.key != word.ignored]
    if word.host:
        head.fields = [each for each in head.fields if each.key != b"host"]
        head.fields.insert(0, make_field(b"Host", word.host))


_noted: list[bytes] = []


def _note_untrusted(address: bytes) -> None:
    """Tell, once, an administrator whose proxy isn't known."""
    if not _noted:
        _noted.append(address)
        _log.info(
            "%s sent X-Forwarded-For or the like, which is removed, as it isn't among"
            " --forwarded-allow-ips (said once)",
            address.decode(),
        )


def _ends(transport: asyncio.BaseTransport) -> Ends | None:
    if transport.get_extra_info("socket").family == socket.AF_UNIX:
        return Ends(Node(UNIX, b""), Node(UNIX, b""))
    client = transport.get_extra_info("peername")
    server = transport.get_extra_info("sockname")
    if not client or not server:
        return None
    return Ends(_node(*client[:2]), _node(*server[:2]))


def _node(address: str, port: int) -> Node:
    return Node(canonical(address.encode()), b"%d" % port)


def _headers(port: Port, ends: Ends, ids: Iterator[str]) -> Headers:
    told = [
        (b"X-Ash-Connection-ID", next(ids).encode()),
        *zip(CLIENT_NAMES, ends.client, strict=True),
        (b"X-Ash-Server-Address", ends.server.address),
        (SERVER_PORT, ends.server.port),
        (PROTOCOL, port.protocol),
    ]
    return [header for header in told if header[1] not in (b"", UNIX)]
