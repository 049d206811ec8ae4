"""The header Server-Timing, by which browsers show how long a request has waited and run."""

from __future__ import annotations

import gc
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ashd.wsgi._server_timing import ServerTiming
from ashdtest.exchanges import served

TIMES = re.compile(rb"queue;dur=(\d+\.\d), app;dur=(\d+\.\d)")


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("as asked")
    if environ["PATH_INFO"] == "/slow":
        threading.Event().wait(0.05)
    start_response("200 OK", [("Server-Timing", "db;dur=3")])
    return iter([b"a", b"b"]) if environ["PATH_INFO"] == "/pieces" else [b"ab"]


def test_what_the_application_answers_has_both_times(way: str) -> None:
    with served(application, way, observer=ServerTiming()) as server:
        for url, least in ((b"/", 0), (b"/pieces", 0), (b"/slow", 50)):
            response = server.call(url)
            own, ours = [v for name, v in response.headers if name == b"Server-Timing"]
            found = TIMES.fullmatch(ours)
            assert found is not None
            assert float(found[1]) < 60_000
            assert least <= float(found[2]) < 60_000
            assert (own, response.body) == (b"db;dur=3", b"ab")
        failed = server.call(b"/fail")
        assert (failed.status, failed.get(b"Server-Timing")) == (500, None)


def test_it_makes_no_work_for_the_garbage_collector(way: str) -> None:
    def endless(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"

    with served(endless, way, observer=ServerTiming()) as server:
        server.call()
        gc.collect()
        gc.disable()
        try:
            server.call()
            server.call()
            assert not gc.collect()
        finally:
            gc.enable()
