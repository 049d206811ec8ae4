"""Whether a received request is served, and for how long this process goes on serving.

All of it runs in the thread that has the lead; only one has it at a time.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable

from ashd.proto import Request, printable, refusal

from ._exchange import Exchange
from ._limits import Limits
from ._response import logger

_RSS_EVERY = 32
"""Requests between two looks at the memory, so that these cost next to nothing."""


class Admission:
    """Refuses requests that have waited too long; tells when the process has served enough."""

    def __init__(
        self,
        make_exchange: Callable[[Request], Exchange],
        limits: Limits,
        leave: Callable[[], object],
    ) -> None:
        """Make exchanges by `make_exchange`; call `leave` (once) when a limit is reached."""
        self._make_exchange = make_exchange
        self._queue_timeout_ns = (
            None if limits.queue_timeout is None else int(limits.queue_timeout * 1e9)
        )
        self._left = math.inf
        if limits.max_requests is not None:
            import random

            jitter = random.randint(0, limits.max_requests_jitter)
            self._left = limits.max_requests + jitter
        self._max_rss = limits.max_rss
        self._count = 0
        self._leave: Callable[[], object] | None = leave

    def admit(self, request: Request) -> Exchange | None:
        """Return an exchange for a request; None if it was refused."""
        if self._queue_timeout_ns is not None and request.arrival_ns is not None:
            waited = time.time_ns() - request.arrival_ns
            if waited > self._queue_timeout_ns:
                _refuse_late(request, waited / 1e9)
                return None
        self._count += 1
        if self._leave is not None and self._enough():
            leave, self._leave = self._leave, None
            leave()
        return self._make_exchange(request)

    def _enough(self) -> bool:
        if self._count >= self._left:
            return True
        if self._max_rss is None or self._count % _RSS_EVERY:
            return False
        size = resident_bytes()
        if size > self._max_rss << 20:
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
    )
    with request:
        try:
            request.socket.send(
                refusal(503, "Retry-After: 1\r\nConnection: close\r\n"), socket.MSG_DONTWAIT
            )
        except OSError:  # the client is gone
            pass
