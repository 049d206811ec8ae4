"""What makes exchanges of received requests. Limits that nobody asks for cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ashd.proto import Request

from ._adapter import Adapter
from ._exchange import Exchange
from ._limits import Limits


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
    from ._request_timeout import Guard, Watchdog, leave_stuck_threads

    adapter.guard = Guard
    Watchdog(limits.request_timeout, partial(leave_stuck_threads, leave)).start()
    return partial(Exchange, adapter)
