"""What a dump of all threads says of requests, whatever their threads are at."""

from __future__ import annotations

import io
import socket
from _thread import start_new_thread
from typing import Any

from ashd.proto import Request
from ashd.serve import report_threads, running
from ashd.wsgi._adapter import Adapter
from ashd.wsgi._exchange import Exchange
from ashdtest.handlers import read_all
from ashdtest.processes import wait_until

LARGE = 5_000_000


def application(_: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [bytes(LARGE)]


def dump() -> str:
    file = io.StringIO()
    report_threads(file)
    return file.getvalue()


def test_a_response_whose_client_does_not_read_is_in_the_dump() -> None:
    """It runs in a thread that the module threading doesn't know, as in the model `free`."""
    client, theirs = socket.socketpair()
    request = Request(b"GET", b"/large", b"HTTP/1.1", b"large", [], theirs.detach())
    with client:
        start_new_thread(running.run, (Exchange(Adapter(application), request),))
        wait_until(lambda: "s in GET /large:\n" in dump(), what="the request to be reported")
        read_all(client)
    wait_until(lambda: not running, what="the request to be served")
