"""Header lines of requests, each judged once: what a line means depends on its bytes alone.

Clients say the same things with every request, and most of them say what others say too. So what
was found out about a line is kept, and a line that comes again costs one look-up. No I/O.
"""

from __future__ import annotations

import re
import socket

from ._errors import RequestError
from ._limits import MAX_KEPT_LINE, MAX_KEPT_LINES
from ._syntax import HOST, TEXT, TOKEN, is_ash

_LINE = re.compile(TOKEN + rb":" + TEXT)
_HOST = re.compile(HOST)
_OURS = frozenset(
    (b"connection", b"content-length", b"content-type", b"expect", b"host", b"transfer-encoding")
)


class MalformedLine(Exception):  # noqa: N818 - it says what the line is
    """A line is not a header's."""


class Field:
    """A header that may be passed on, unless it is one that clients must not send."""

    __slots__ = ("encoded", "key", "name", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        """Take a token and a value without spaces around it; raises `RequestError`."""
        self.name = name
        self.value = value
        key = name.lower()
        self.key = key if key in _OURS else b""
        """The name in lower case, if it means something to the front end itself."""
        self.encoded = b"" if is_ash(name) else b"%b\0%b\0" % (name, value)
        """The header as a part of a datagram; nothing if it is not passed on."""
        if key == b"host":
            check_host(value)


class FieldLines(dict[bytes, Field]):
    """What lines mean, without their ends; those that were seen lately, within a bound.

    Getting one raises `MalformedLine` or `RequestError`; such lines are not kept.
    """

    def __missing__(self, line: bytes) -> Field:
        """Judge a line that isn't known."""
        if not _LINE.fullmatch(line):
            raise MalformedLine
        name, _, value = line.partition(b":")
        field = Field(name, value.strip(b" \t"))
        if len(line) <= MAX_KEPT_LINE:
            if len(self) >= MAX_KEPT_LINES:
                self.clear()
            self[line] = field
        return field


def check_host(host: bytes) -> None:
    """Raise `RequestError` unless this is a host, maybe with a port."""
    match = _HOST.fullmatch(host)
    if match is None or (match[1] is not None and not _is_ipv6(match[1])):
        raise bad_host()


def bad_host() -> RequestError:
    """Say that it isn't certain which host is meant."""
    return RequestError(400, "The host of the request is empty, repeated or malformed.")


def _is_ipv6(address: bytes) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, address.decode("ascii"))
    except OSError:
        return False
    return True
