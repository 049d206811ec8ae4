"""Header lines of requests: their grammar, and what the front end does about them. No I/O."""

from __future__ import annotations

import re
import socket

from ._errors import RequestError
from ._fields import Field
from ._syntax import HOST, TEXT, TOKEN, is_ash

_LINE = re.compile(TOKEN + rb":" + TEXT)
_HOST = re.compile(HOST)
_OURS = frozenset(
    b"connection content-length content-type expect host transfer-encoding upgrade".split()
)


class MalformedLine(Exception):  # noqa: N818 - it says what the line is
    """A line is not a header's."""


def make_field(name: bytes, value: bytes) -> Field:
    """Judge a header; the name is a token, the value without spaces around it."""
    key = name.lower()
    if key == b"host":
        _check_host(value)
    encoded = b"" if is_ash(name) else b"%b\0%b\0" % (name, value)
    return Field(name, value, key if key in _OURS else b"", encoded)


def read_field(line: bytes) -> Field:
    """Judge a header line, without its end; raises `MalformedLine` or `RequestError`."""
    if not _LINE.fullmatch(line):
        raise MalformedLine
    name, _, value = line.partition(b":")
    return make_field(name, value.strip(b" \t"))


def bad_host() -> RequestError:
    """Say that it isn't certain which host is meant."""
    return RequestError(400, "The host of the request is empty, repeated or malformed.")


def _check_host(host: bytes) -> None:
    match = _HOST.fullmatch(host)
    if match is None or (match[1] is not None and not _is_ipv6(match[1])):
        raise bad_host()


def _is_ipv6(address: bytes) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, address.decode("ascii"))
    except OSError:
        return False
    return True
