"""Who the client of a connection is, and what handlers are told about it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import NamedTuple

from ashd.proto._codec import encode_headers

from ._forwarded import FORWARDING, UNIX, X_FORWARDED, Node, Word, canonical, word_of
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

    __slots__ = ("_proxies", "address", "encoded", "trusted")

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
            _correct(head, word.host)
        else:
            _note_untrusted(self.address)
            head.fields = [each for each in head.fields if each.key not in FORWARDING]

    def _headers_by(self, word: Word) -> bytes:
        strings = self.encoded.split(b"\0")[:-1]
        headers = dict(zip(strings[::2], strings[1::2], strict=True))
        if word.client is not None:  # whose TLS isn't that of this connection
            headers = {name: headers[name] for name in headers if not name.startswith(_TLS)}
            headers[b"X-Ash-Address"], headers[b"X-Ash-Port"] = word.client
        headers[b"X-Ash-Protocol"] = word.protocol or headers[b"X-Ash-Protocol"]
        headers[b"X-Ash-Server-Port"] = word.server_port or headers.get(b"X-Ash-Server-Port", b"")
        return encode_headers(header for header in headers.items() if header[1])


def _correct(head: RequestHead, host: bytes) -> None:
    """Keep of two ways to speak of a client the one that counts, and put the client's host in."""
    assert head.forwarding is not None
    if not X_FORWARDED.isdisjoint(head.forwarding):
        head.fields = [each for each in head.fields if each.key != b"forwarded"]
    if host:
        head.fields = [each for each in head.fields if each.key != b"host"]
        head.fields.insert(0, make_field(b"Host", host))


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
        (b"X-Ash-Address", ends.client.address),
        (b"X-Ash-Port", ends.client.port),
        (b"X-Ash-Server-Address", ends.server.address),
        (b"X-Ash-Server-Port", ends.server.port),
        (b"X-Ash-Protocol", port.protocol),
    ]
    return [header for header in told if header[1] not in (b"", UNIX)]
