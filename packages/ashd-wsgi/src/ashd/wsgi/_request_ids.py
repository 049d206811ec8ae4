"""The id of a request, by which lines of several logs are put together.

Usually the front end gives one. Below the reference one, requests get one here if somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable

from ashd.proto import REQUEST_ID, Request, request_ids
from ashd.serve import running

from ._exchange import Exchange
from ._reception import Admit


def current_request_id() -> str:
    """Return the id of the request that the calling thread serves; "" if there is none."""
    work = running.current()
    return work.request_id if isinstance(work, Exchange) else ""


def name_of_request(traced: bool) -> Callable[[], str]:
    """Return what log lines name the calling thread's request by: its id.

    If it has none and requests are `traced`, that is the id of its trace.
    """
    if not traced:
        return current_request_id

    def id_or_trace() -> str:
        from ._telemetry import current_trace_id

        return current_request_id() or current_trace_id()

    return id_or_trace


def identified(admit: Admit) -> Admit:
    """Return what admits the requests of one thread after giving an id to those that have none."""
    ids = request_ids()

    def admit_with_id(request: Request) -> Exchange | None:
        if REQUEST_ID not in request:
            request.headers.append((REQUEST_ID, next(ids)))
        return admit(request)

    return admit_with_id
