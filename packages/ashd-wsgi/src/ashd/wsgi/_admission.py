"""Whether a received request is served, and for how long this process goes on serving.

Each thread that receives has an admission of its own, which counts what it has admitted; together
they keep the limits. Without an interpreter lock, threads that look at the counters of the others
for each request would wait for each other, so they look the less often the more is left: each may
admit a share of that before it looks again.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Callable

from ashd.proto import REQUEST_ID, Request, printable, refusal

from ._exchange import Exchange
from ._limits import Limits
from ._response import logger

_RSS_EVERY = 32
"""Requests between two looks at the memory, so that these cost next to nothing."""


class Entrance:
    """The admissions of all threads. Any thread may use it."""

    def __init__(self, limits: Limits, leave: Callable[[], object]) -> None:
        """Keep `limits`; call `leave` (by each thread that notices) when one is reached."""
        self.queue_timeout_ns = (
            None if limits.queue_timeout is None else int(limits.queue_timeout * 1e9)
        )
        self._most = math.inf
        if limits.max_requests is not None:
            import random

            jitter = random.randint(0, limits.max_requests_jitter)
            self._most = limits.max_requests + jitter
        self.max_rss = limits.max_rss
        self.leave = leave
        self._admissions: list[Admission] = []
        self._sharing = threading.Lock()

    def admission(self, make_exchange: Callable[[Request], Exchange]) -> Admission:
        """Return the admission of one more thread."""
        admission = Admission(self, make_exchange)
        self._admissions.append(admission)
        return admission

    def share(self, asker: Admission) -> bool:
        """Let `asker` admit a share of what is left; return whether anything is."""
        with self._sharing:
            admissions = self._admissions.copy()
            left = self._most - sum(admission.count for admission in admissions)
            share = left / (2 * len(admissions))
            for admission in admissions:  # one that was idle has an older, larger share
                admission.ask_at = min(admission.ask_at, admission.count + share)
            asker.ask_at = asker.count + share
        return left > 0


class Admission:
    """Refuses requests that have waited too long; notices when the process has served enough.

    Attributes:
        count: how many requests it has admitted.
        ask_at: how many it may admit before it asks for another share.
    """

    def __init__(self, entrance: Entrance, make_exchange: Callable[[Request], Exchange]) -> None:
        """Make exchanges by `make_exchange`."""
        self._entrance = entrance
        self._make_exchange = make_exchange
        self._queue_timeout_ns = entrance.queue_timeout_ns
        self.ask_at = 0.0
        self.count = 0

    def admit(self, request: Request) -> Exchange | None:
        """Return an exchange for a request; None if it was refused."""
        if self._queue_timeout_ns is not None and request.arrival_ns is not None:
            waited = time.time_ns() - request.arrival_ns
            if waited > self._queue_timeout_ns:
                _refuse_late(request, waited / 1e9)
                return None
        self.count += 1
        if self._enough():
            self._entrance.leave()
        return self._make_exchange(request)

    def _enough(self) -> bool:
        if self.count >= self.ask_at and not self._entrance.share(self):
            return True
        max_rss = self._entrance.max_rss
        if max_rss is None or self.count % _RSS_EVERY:
            return False
        size = resident_bytes()
        if size > max_rss << 20:
            logger.info("this worker uses %d MiB, more than --max-rss allows", size >> 20)
            return True
        return False


def resident_bytes() -> int:
    """Return how much memory this process occupies now (Linux; elsewhere 0)."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - on the way of a request
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def _refuse_late(request: Request, waited: float) -> None:
    logger.warning(
        "%s: refused with 503 after it had waited %.1f s",
        printable(request.url),
        waited,
        extra={"request_id": printable(request.get(REQUEST_ID) or b"")},
    )
    with request:
        try:
            request.socket.send(
                refusal(503, "Retry-After: 1\r\nConnection: close\r\n"), socket.MSG_DONTWAIT
            )
        except OSError:  # the client is gone
            pass
