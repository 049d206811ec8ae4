"""Ids of requests. No I/O but random numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator

REQUEST_ID = b"X-Ash-Request-ID"
"""The header by which handlers are told."""

_DIGITS = 32  # 128 bits, as in a `traceparent`: nobody guesses one, and none comes twice
_AT_ONCE = 2048  # random bytes: a system call for each request would cost more than all the rest


def request_ids() -> Iterator[bytes]:
    """Return an iterator over new ids; one thread at a time may use it."""
    while True:
        digits = os.urandom(_AT_ONCE).hex().encode()
        for start in range(0, len(digits), _DIGITS):
            yield digits[start : start + _DIGITS]
