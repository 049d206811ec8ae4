"""The id of a request, by which lines of several logs are put together."""

from __future__ import annotations

from ashd.serve import running

from ._exchange import Exchange


def current_request_id() -> str:
    """Return the id of the request that the calling thread serves; "" if there is none."""
    work = running.current()
    return work.request_id if isinstance(work, Exchange) else ""
