"""How long a request has waited in the handler's socket."""

from __future__ import annotations

import time

from ashd.proto import Request


def queue_time(request: Request) -> float | None:
    """Return the seconds since a request was put into the socket.

    None if the receiver wasn't asked for time stamps. Both times are of the real-time clock: zero
    if somebody has set that back.
    """
    if request.arrival_ns is None:
        return None
    return max(0.0, (time.time_ns() - request.arrival_ns) / 1e9)
