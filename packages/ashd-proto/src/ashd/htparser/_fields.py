"""Headers of a head, of requests as of responses: what was found out about each line. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Field:
    """A header that may be passed on, unless it is one that the sender must not send."""

    name: bytes
    value: bytes
    key: bytes
    """The name in lower case, if it means something to the front end itself."""
    encoded: bytes
    """The header as the other side gets it: a part of a datagram, or a line. Nothing if it isn't
    passed on, or is made anew."""


Join = Callable[[bytes, bytes, bytes], bytes]
"""Returns one value for a key that came with two, or raises."""


def known_values(fields: list[Field], join: Join) -> dict[bytes, bytes]:
    """Return the values that mean something to the front end, by their key."""
    known: dict[bytes, bytes] = {}
    for field in fields:
        key = field.key
        if key:
            value = field.value
            known[key] = join(key, known[key], value) if key in known else value
    return known
