"""What makes exchanges of received requests. Limits that nobody asks for cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ._adapter import Adapter
from ._exchange import Exchange
from ._limits import Limits
from ._reception import Admit


def admit_maker(
    adapter: Adapter, limits: Limits, leave: Callable[[], None] | None, *, identify: bool = False
) -> Callable[[], Admit]:
    """Return what makes, for each thread that receives, what makes exchanges within `limits`.

    `leave` is called when this process should be replaced by another; None if nobody would. With
    `identify`, requests get ids if the front end gives none.
    """
    if identify:
        from ._request_ids import identified

        make = admit_maker(adapter, limits, leave)
        return lambda: identified(make())
    if limits.request_timeout is not None:
        from ._request_timeout import Guards, Watchdog, leave_stuck_threads

        adapter.guard = Guards()
        Watchdog(limits.request_timeout, partial(leave_stuck_threads, leave)).start()
    if limits.queue_timeout is limits.max_requests is limits.max_rss is None:
        return lambda: partial(Exchange, adapter.for_thread())
    from ._admission import Entrance

    entrance = Entrance(limits, leave or (lambda: None))
    return lambda: entrance.admission(partial(Exchange, adapter.for_thread())).admit
