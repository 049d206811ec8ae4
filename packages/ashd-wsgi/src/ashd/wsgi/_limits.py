"""Limits, as the command line gives them, put to work. Those that nobody asks for cost nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ashd.proto import Request

from ._adapter import Adapter
from ._body import BODY_BUFFER
from ._exchange import Exchange
from ._options import Options

_LOOK = 1.0
"""Seconds between looks at whether a worker that leaves has nothing but stuck threads left. A
request that is just being received when it begins to leave is known long before the first."""


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


def make_admit(
    adapter: Adapter, limits: Limits, leave: Callable[[], None] | None
) -> Callable[[Request], Exchange | None]:
    """Return what makes exchanges within `limits`.

    `leave` is called when this process should be replaced by another; None if nobody would.
    """
    make_exchange = _exchange_maker(adapter, limits, leave)
    if limits.queue_timeout is limits.max_requests is limits.max_rss is None:
        return make_exchange
    from ._admission import Admission

    return Admission(make_exchange, limits, leave or (lambda: None)).admit


def _exchange_maker(
    adapter: Adapter, limits: Limits, leave: Callable[[], None] | None
) -> Callable[[Request], Exchange]:
    if limits.request_timeout is None:
        return partial(Exchange, adapter)
    from ._expiry import Guard, Watchdog

    adapter.guard = Guard
    Watchdog(limits.request_timeout, partial(_leave_stuck_threads, leave)).start()
    return partial(Exchange, adapter)


def _leave_stuck_threads(leave: Callable[[], None] | None) -> None:
    """Be replaced, if there is somebody who does that; end when only stuck threads are left."""
    if leave is not None:
        leave()
        threading.Thread(target=_exit_without_stuck_threads, daemon=True).start()


def _exit_without_stuck_threads() -> None:
    from ._expiry import only_stuck_requests_run

    pause = threading.Event()
    pause.wait(_LOOK)
    while not only_stuck_requests_run():
        pause.wait(_LOOK)
    os._exit(1)
