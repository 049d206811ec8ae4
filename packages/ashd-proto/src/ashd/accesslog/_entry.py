"""What programs tell of a request that is over: plain tuples, as one is made for each request.

Bytes are as the client sent them, and nothing where that isn't known. Long values may be cut, at
`CUT` bytes: no line shows more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAX_VALUE = 2000
"""Characters of one value in a line; less if the line gets too long otherwise."""

CUT = MAX_VALUE + 1
"""Bytes of a value that are enough, so that a program needn't hold the rest."""

Values = Sequence[bytes]

Sender = tuple[Values, tuple[bytes, ...]]
"""Who sent a request, as `AccessFormat.sender` returns it: what is the same for many requests.

The values themselves, and the parts of the line that they make.
"""

Details = tuple[bytes, int, float, float, float, bytes, Values]
"""What not every format asks for (`AccessFormat.detailed`).

In order: `ok`, `cut` or `refused`; bytes of the request's body; when it was over, on the monotonic
clock; seconds from the head of the request to that, and to the first byte of the response, each
below zero if there was no such thing; its id, which needs no escaping; and the headers of the
response that `AccessFormat.response_headers` names.
"""

Entry = tuple[Sender, bytes, bytes, bytes, bytes, int, Details | None]
"""A request: sender, method, target, version, status, bytes of the response's body, details.

Of the status the first three bytes count: words may follow.
If the request could not be read, its method is empty, and how it began stands for the target.
"""


class Burst:
    """Requests whose lines are made together: each attribute has one value for each of them."""

    __slots__ = ("details", "methods", "senders", "sent", "statuses", "targets", "versions")

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Turn rows into columns; there has to be one at least."""
        senders, methods, targets, versions, statuses, sent, details = zip(*entries, strict=True)
        self.senders: tuple[Sender, ...] = senders
        self.methods: tuple[bytes, ...] = methods
        self.targets: tuple[bytes, ...] = targets
        self.versions: tuple[bytes, ...] = versions
        self.statuses: tuple[bytes, ...] = statuses
        self.sent: tuple[int, ...] = sent
        self.details: tuple[tuple[Any, ...], ...] = ()
        """Columns again, if there are any details."""
        if details[0] is not None:
            self.details = tuple(zip(*details, strict=True))
