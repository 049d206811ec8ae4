"""Tells the PERF objects of the requests that an adapter serves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ashd.pdm.perf import RequestFinish, RequestStart
from ashd.wsgi._adapter import Served

from ._counters import counters
from ._objects import requests
from ._recorder import recorder

_Token = tuple[float, float, RequestStart | None, bytearray | None]
"""When the request began (on the monotonic clock, and in CPU time of its thread), its event, and
what is recorded of its body."""


class PerfObserver:
    """An observer (see `ashd.wsgi`) that counts, and makes events if somebody has subscribed.

    The start of a request is observed in the thread that calls the application, its end in the one
    that finishes the response. CPU time is told where both are the same.
    """

    def __init__(self) -> None:
        """Count from now on."""
        self._tally = counters.tally()

    def for_thread(self) -> PerfObserver:
        """Return an observer that counts by itself."""
        return PerfObserver()

    def started(self, environ: dict[str, Any], _: object) -> _Token:
        """Note that the application is about to be called."""
        recording = recorder.recording
        body = None if recording is None else recording.watch(environ)
        if not requests.wanted(2):  # there would be one more at its end
            return time.monotonic(), 0.0, None, body
        icpu = time.thread_time()
        event = _start_event(environ, icpu)
        requests.notify(event)
        return time.monotonic(), icpu, event, body

    def failed(self, token: _Token | None, error: BaseException) -> None:
        """See `Observer`; its end tells enough."""

    def finished(self, token: _Token | None, served: Served, aborted: bool) -> None:
        """Note that a response is over; `token` is None when the application wasn't called."""
        status = served.response.status.decode("latin-1") or "-"
        code = status[:3]
        recording = recorder.recording
        if token is None:
            self._tally.count(code, None, aborted)
            if recording is not None:
                recording.add(served, None, 0.0, aborted)
            return
        began, icpu, event, body = token
        seconds = time.monotonic() - began
        self._tally.count(
            code, None if code == "101" else seconds, aborted
        )  # a stream's is its own
        if recording is not None:
            recording.add(served, body, seconds, aborted)
        if event is not None:
            cputime = time.thread_time() - icpu
            requests.notify(
                RequestFinish(
                    event,
                    aborted=aborted,
                    status=status,
                    cputime=cputime if cputime >= 0 else None,
                )
            )


def _start_event(environ: Mapping[str, Any], icpu: float) -> RequestStart:
    get = environ.get
    return RequestStart(
        method=get("REQUEST_METHOD"),
        uri=get("REQUEST_URI"),
        host=get("HTTP_HOST"),
        script_uri=get("SCRIPT_NAME"),
        script_path=get("SCRIPT_FILENAME"),
        pathinfo=get("PATH_INFO"),
        querystring=get("QUERY_STRING"),
        remoteaddr=get("REMOTE_ADDR"),
        remoteport=get("REMOTE_PORT"),
        scheme=get("wsgi.url_scheme"),
        icpu=icpu,
        request_id=get("HTTP_X_ASH_REQUEST_ID"),
    )
