"""The limits that a process keeps to, as the command line gives them."""

from __future__ import annotations

from typing import NamedTuple

from ._body import BODY_BUFFER
from ._options import Options


class Limits(NamedTuple):
    """What a process is to keep to; None is no limit."""

    request_timeout: float | None = None
    queue_timeout: float | None = None
    max_requests: int | None = None
    max_requests_jitter: int = 0
    max_rss: int | None = None
    """In MiB."""
    body_buffer: int = BODY_BUFFER
    """In bytes."""


def limits_of(options: Options) -> Limits:
    """Return the limits that a command line asks for."""
    max_requests, jitter = options.max_requests or (None, 0)
    return Limits(
        request_timeout=options.request_timeout,
        queue_timeout=options.queue_timeout,
        max_requests=max_requests,
        max_requests_jitter=jitter,
        max_rss=options.max_rss,
        body_buffer=BODY_BUFFER if options.body_buffer is None else options.body_buffer << 20,
    )
