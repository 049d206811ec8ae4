"""The pieces of RFC 9110 and 9112 grammar that requests and responses share, as patterns."""

from __future__ import annotations

import re
import socket

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
"""Field values and reason phrases: anything but control characters, tabs apart."""

LENGTH = rb"[0-9]{1,18}"
"""A Content-Length."""

TARGET = rb"[!$-;=?-Z\[\]_`a-z~]+"
"""A request target: what RFC 3986 allows, and what browsers send all the same ("[", "]", "`").
Other visible characters are read in different ways by different programs."""
LENIENT_TARGET = rb"[!-~\x80-\xff]+"
"""A request target of clients that escape nothing."""

_LABEL = rb"(?:[A-Za-z0-9\-_~!$&'()*+;=]|%[0-9A-Fa-f]{2})+"
_PORT = rb"[0-9]{0,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
HOST = (
    rb"(?:" + _LABEL + rb"(?:\." + _LABEL + rb")*\.?|\[([0-9A-Fa-f:.]+)\])(?::(?:" + _PORT + rb"))?"
)
"""A host, maybe with a port (RFC 9110, 7.2); the group is an IPv6 address. Only the last label may
be empty. A comma, which RFC 3986 allows, would hide that the header was repeated."""

_HOST = re.compile(HOST)


def is_host(text: bytes) -> bool:
    """Tell whether this is a host, maybe with a port."""
    match = _HOST.fullmatch(text)
    return match is not None and (match[1] is None or _is_ipv6(match[1]))


def _is_ipv6(address: bytes) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, address.decode("ascii"))
    except OSError:
        return False
    return True


def is_ash(name: bytes) -> bool:
    """Tell whether a handler could take a header for one that only front ends and handlers make.

    Transient handlers see every byte that is not alphanumeric as an underscore, so `X_Ash-File`
    and `X.Ash.File` count as well as `X-Ash-File`.
    """
    return (
        len(name) > len(b"x-ash")
        and name[0] in b"xX"
        and name[2:5].lower() == b"ash"
        and not name[1:2].isalnum()
        and not name[5:6].isalnum()
    )


def list_members(value: bytes) -> list[bytes]:
    """Split a comma-separated field value (RFC 9110, 5.6.1); members in lower case."""
    return [member for part in value.lower().split(b",") if (member := part.strip(b" \t"))]
