"""What a proxy says of the client that it speaks for. No I/O.

Which headers count, and from whom:

- X-Forwarded-For, -Proto, -Host and -Port, and X-Real-IP. If any of them says anything, Forwarded
  (RFC 7239) doesn't count: most proxies write the former and pass a client's Forwarded on unseen.
- X-Real-IP only without X-Forwarded-For.
- Each proxy on the way adds to the right end. So addresses are read from there, past those that are
  trusted, to the first one that isn't: that is the client's. The other values are those that the
  same proxy has added, or the first of what the trusted ones have.
- All of it is checked before any of it counts; what is malformed is a `RequestError`.

All work is linear in the bytes, of which there are at most `MAX_FORWARDING` in a header.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ashd.proto._codec import encode_headers

from ._errors import RequestError, UsageError
from ._kept import Kept
from ._limits import MAX_FORWARDING
from ._syntax import TOKEN, is_host

UNIX = b"unix"
"""The address of every client that comes over a Unix socket."""

_FOR_PROTO = (b"x-forwarded-for", b"x-forwarded-proto")
X_FORWARDED = frozenset((*_FOR_PROTO, b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip"))
"""The headers that count before Forwarded, in lower case."""

CLIENT_NAMES = (b"X-Ash-Address", b"X-Ash-Port")
SERVER_PORT = b"X-Ash-Server-Port"
PROTOCOL = b"X-Ash-Protocol"

OTHER = b"x-forwarded-"
"""Stands for all other names that begin like this."""

FORWARDING = X_FORWARDED | {b"forwarded", OTHER}
"""Keys of headers that only proxies may send."""

_NAMED = (*sorted(X_FORWARDED), b"forwarded", b"host")
_NAME = rb"[A-Za-z0-9._-]+"
_NODE = re.compile(
    rb"(?:\[([^\]]+)\]|([0-9.]+)|(?i:unknown)|_%b)(?::(?:([0-9]{1,5})|_%b))?" % (_NAME, _NAME)
)
# Linear, as no two repetitions meet. Possessive ones are broken before Python 3.11.5.
_PAIR = re.compile(rb'[ \t]*(?:(%b)=(?:(%b)|"((?:[^"\\]|\\.)*)")[ \t]*)?([;,]|\Z)' % (TOKEN, TOKEN))
_ESCAPE = re.compile(rb"\\(.)")
_MAPPED = bytes(10) + b"\xff\xff"  # an IPv4 address among IPv6 ones
_BITS_V4 = 32
_PROTOCOLS = {b"http": b"http", b"https": b"https", b"ws": b"http", b"wss": b"https"}
_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}

_PLAIN = bytes(each if chr(each).isalnum() else ord("-") for each in range(128)) + b"-" * 128

T = TypeVar("T")


class Node(NamedTuple):
    """An end of a connection, as a proxy names it; what it doesn't name is empty."""

    address: bytes
    port: bytes


@dataclass(frozen=True, slots=True)
class Word:
    """What trusted proxies say of a request's client; what they don't say is empty or None.

    Headers for handlers are encoded.
    """

    client: bytes | None
    """X-Ash-Address and X-Ash-Port, as far as they are known."""
    server_port: bytes
    protocol: bytes
    host: bytes
    """What takes the place of the Host header."""
    ignored: bytes
    """The key of the header that doesn't count."""


class _Said(NamedTuple):
    """Values in the order of the proxies, the nearest one's last."""

    nodes: list[Node | None]
    protocols: list[bytes]
    hosts: list[bytes]
    ports: list[bytes]


class Trusted:
    """The addresses of proxies whose word counts."""

    def __init__(self, text: str) -> None:
        """Take addresses, networks, `unix` and `*`, with commas; raises `UsageError`."""
        entries = [entry for part in text.split(",") if (entry := part.strip())]
        self._all = "*" in entries
        self._local = self._all or UNIX.decode() in entries
        self._networks = [_network(entry) for entry in entries if entry not in ("*", "unix")]
        self._known: Kept[bool] = Kept(self._look_up)
        self.words: Kept[Word] = Kept(self._read_word)
        """What values of headers say, joined: a proxy says the same things often."""

    def covers(self, address: bytes) -> bool:
        """Tell whether an address is one of them; it is canonical, `UNIX`, or empty."""
        return self._known[address]

    def _read_word(self, key: bytes) -> Word:
        return _read_word(dict(zip(_NAMED, key.split(b"\0"), strict=True)), self)

    def _look_up(self, address: bytes) -> bool:
        if address == UNIX:
            return self._local
        if not address or self._all:
            return bool(address)
        packed = socket.inet_pton(_family(address), address.decode("ascii"))
        number, size = int.from_bytes(packed, "big"), len(packed)
        return any(
            size == its_size and number >> shift == prefix
            for its_size, shift, prefix in self._networks
        )


def _network(text: str) -> tuple[int, int, int]:
    """Return the size of addresses, the bits that differ, and the number that the others make."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UsageError(f"{text!r} is not an address, a network, unix or *") from None
    shift = network.max_prefixlen - network.prefixlen
    packed = network.network_address.packed
    if "/" in text and ipaddress.ip_interface(text).packed != packed:
        raise UsageError(f"{text!r} is an address within a network; name the network: {network}")
    if packed.startswith(_MAPPED) and shift <= _BITS_V4:
        packed = packed[len(_MAPPED) :]
    return len(packed), shift, int.from_bytes(packed, "big") >> shift


LOCAL_TEXT = "127.0.0.0/8,::1,unix"
LOCAL = Trusted(LOCAL_TEXT)
"""Addresses that only programs on this machine have: the default."""


def forwarding_key(name: bytes) -> bytes:
    """Return which of `FORWARDING` a header's name (in lower case) is; empty if none."""
    if name in FORWARDING:
        return name
    return OTHER if name.startswith(OTHER) else b""


def disguises(name: bytes) -> bool:
    """Tell whether handlers could take a header for one of them, though its name is another.

    Transient handlers see every byte that is not alphanumeric as an underscore.
    """
    plain = name.translate(_PLAIN)
    return plain != name and forwarding_key(plain) != b""


def canonical(address: bytes) -> bytes:
    """Return the usual form of an address, without zone; raises ValueError."""
    text = address.decode("ascii")
    family = _family(address)
    if family == socket.AF_INET6:
        text = text.partition("%")[0]
    try:
        packed = socket.inet_pton(family, text)
    except OSError as error:
        raise ValueError(str(error)) from None
    if packed.startswith(_MAPPED):
        family, packed = socket.AF_INET, packed[len(_MAPPED) :]
    return socket.inet_ntop(family, packed).encode("ascii")


def word_of(known: Mapping[bytes, bytes], trusted: Trusted) -> Word:
    """Return what a trusted proxy's headers say; repeated ones are joined by commas.

    Raises `RequestError` if one is malformed.
    """
    return trusted.words[b"\0".join([known.get(name, b"") for name in _NAMED])]


def _read_word(known: Mapping[bytes, bytes], trusted: Trusted) -> Word:
    others = any(known[name] for name in X_FORWARDED)
    said = _x_forwarded(known) if others else _forwarded(known)
    client, hops = _walk(said.nodes, trusted)
    protocol, host, port = (_first(values, hops) for values in said[1:])
    if protocol and not port:
        port = _port_of(host or known[b"host"]) or _DEFAULT_PORTS[protocol]
    return Word(
        None if client is None else _encode(zip(CLIENT_NAMES, client, strict=True)),
        _encode([(SERVER_PORT, port)]),
        _encode([(PROTOCOL, protocol)]),
        b"" if host == known[b"host"] else host,
        b"forwarded" if others and known[b"forwarded"] else b"",
    )


def _encode(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return encode_headers(header for header in headers if header[1])


def _walk(nodes: list[Node | None], trusted: Trusted) -> tuple[Node | None, int]:
    """Return the client, and how many proxies have spoken of it."""
    client: Node | None = None
    hops = 0
    for node in reversed(nodes):
        hops += 1
        if node is None:
            break
        client = node
        if not trusted.covers(node.address):
            break
    return client, max(hops, 1)


def _first(values: list[bytes], hops: int) -> bytes:
    """Return the first of what the last `hops` proxies have said."""
    return next(filter(None, values[-hops:]), b"")


def _x_forwarded(known: Mapping[bytes, bytes]) -> _Said:
    nodes: list[Node | None] = [*_read(known, "X-Forwarded-For", _bare_node)]
    real = _read(known, "X-Real-IP", _bare_node)
    if len(real) > 1:
        raise _malformed("X-Real-IP")
    return _Said(
        nodes or [*real],
        _read(known, "X-Forwarded-Proto", _protocol),
        _read(known, "X-Forwarded-Host", _host),
        _read(known, "X-Forwarded-Port", _port),
    )


def _read(known: Mapping[bytes, bytes], name: str, read: Callable[[bytes], T]) -> list[T]:
    """Read the members of a list; empty ones don't count (RFC 9110, 5.6.1.2)."""
    value = _value(known, name)
    try:
        return [read(member) for part in value.split(b",") if (member := part.strip(b" \t"))]
    except ValueError:
        raise _malformed(name) from None


def _value(known: Mapping[bytes, bytes], name: str) -> bytes:
    value = known[name.lower().encode()]
    if len(value) > MAX_FORWARDING:
        raise _malformed(name)
    return value


def _forwarded(known: Mapping[bytes, bytes]) -> _Said:
    said = _Said([], [], [], [])
    try:
        for element in _elements(_value(known, "Forwarded")):
            node = element.get(b"for")
            said.nodes.append(None if node is None else _node(node))
            said.protocols.append(_protocol(element.get(b"proto", b"")))
            said.hosts.append(_host(element.get(b"host", b"")))
    except ValueError:
        raise _malformed("Forwarded") from None
    return said


def _elements(value: bytes) -> list[dict[bytes, bytes]]:
    """Take a Forwarded header apart (RFC 7239, 4); raises ValueError.

    Spaces are fine around commas and semicolons, as some programs write them.
    """
    elements: list[dict[bytes, bytes]] = []
    element: dict[bytes, bytes] = {}
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is None:
            raise ValueError
        name, token, quoted, end = match.groups()
        if name:
            if name.lower() in element:
                raise ValueError
            element[name.lower()] = _ESCAPE.sub(rb"\1", quoted) if token is None else token
        position = match.end()
        if end != b";" and element:
            elements.append(element)
            element = {}
    if element:
        elements.append(element)
    return elements


def _node(text: bytes) -> Node:
    """Read a node of RFC 7239, 6; raises ValueError."""
    match = _NODE.fullmatch(text)
    if match is None:
        raise ValueError
    v6, v4, port = match.groups()
    if v6 is not None and b":" not in v6:
        raise ValueError
    address = v6 or v4
    return Node(canonical(address) if address else b"", _port(port) if port else b"")


def _bare_node(text: bytes) -> Node:
    """Read an address with or without a port; one of IPv6 needs no brackets without."""
    if text.count(b":") > 1 and not text.startswith(b"["):
        return Node(canonical(text), b"")
    return _node(text)


def _protocol(text: bytes) -> bytes:
    name = text.lower()
    if name and name not in _PROTOCOLS:
        raise ValueError
    return _PROTOCOLS.get(name, b"")


def _host(text: bytes) -> bytes:
    if text and not is_host(text):
        raise ValueError
    return text


def _port(text: bytes) -> bytes:
    if not (text.isdigit() and len(text) < 6 and int(text) < 1 << 16):
        raise ValueError
    return b"%d" % int(text)


def _port_of(host: bytes) -> bytes:
    """Return the port at the end of a well-formed host; empty if there is none."""
    _, colon, port = host.rpartition(b":")
    return port if colon and port.isdigit() else b""


def _family(address: bytes) -> socket.AddressFamily:
    return socket.AF_INET6 if b":" in address else socket.AF_INET


def _malformed(name: str) -> RequestError:
    return RequestError(400, f"The proxy in front of this server sent a malformed {name} header.")
