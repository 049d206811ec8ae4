"""The bounds on what waits for clients and children, with their reasons."""

from __future__ import annotations

import resource
import sys

STALL_TIMEOUT = 60.0
"""Seconds without a byte in either direction after which a response is cut. Front ends grant their
clients no more."""

MAX_UNSENT = 64 << 20
"""Bytes of responses that may wait for their clients in all. Beyond that, the response whose client
has been idle for the longest is cut: clients that don't read must not fill the memory."""

SEND_TIMEOUT = 60.0
"""Seconds that a request waits for a child that takes none: what the reference front end grants a
handler."""

MAX_WAITING = 256
"""Requests that may wait for one child. Each has a descriptor of ours."""

DESCRIPTOR_SHARE = 4
"""Waiting responses may hold one part in four of the descriptors that a process may have, and so
may the waiting requests of all children. At least half are left to receive and serve others with.
"""


def descriptor_share() -> int:
    """Return how many descriptors each of the two may hold now."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else max(1, limit // DESCRIPTOR_SHARE)
