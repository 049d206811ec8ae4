"""`--server-timing`: the times of a request, as browsers show them beside it (W3C Server Timing).

`queue` is how long it has waited in the handler's socket, `app` how long the application has taken
until the head went out, both in milliseconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ._queue_time import queue_time

if TYPE_CHECKING:
    from ._adapter import Served


class ServerTiming:
    """An observer that adds the header to what the application answers."""

    def for_thread(self) -> ServerTiming:
        """See `Observer`."""
        return self

    def started(self, _: dict[str, Any], served: Served) -> bool:
        """See `Observer`."""
        response = served.response
        waited = queue_time(served.request)
        began = time.perf_counter()
        gate = response.gate

        def add() -> None:
            if gate is not None:
                gate()
            queue = "" if waited is None else f"queue;dur={waited * 1000:.1f}, "
            app = f"app;dur={(time.perf_counter() - began) * 1000:.1f}"
            response.add_line(f"Server-Timing: {queue}{app}\r\n".encode())

        response.gate = add
        return True

    def failed(self, _token: object, _error: BaseException) -> None:
        """See `Observer`."""

    def finished(self, _token: object, served: Served, _aborted: bool) -> None:
        """See `Observer`."""
        served.response.gate = None  # it refers to the response, which refers to it
