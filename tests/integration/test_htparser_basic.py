"""A request through a front end to a handler and back, with any front end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ashdtest.frontend import FRONT_ENDS, FrontEnd, front_end

ECHO = """
from ashd.util import respond, serve_loop

def handle(request):
    body = request.stream.read()
    fields = [b": ".join(field) for field in request.headers]
    lines = [request.method, request.url, request.version, request.rest, *fields, b"", body]
    respond(request, b"\\n".join(lines), content_type="text/plain")

serve_loop(handle)
"""


@pytest.fixture(params=FRONT_ENDS)
def server(request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    with front_end([sys.executable, "-c", ECHO], name=request.param) as running:
        yield running


def curl(*args: str) -> bytes:
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", *args],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def test_get(server: FrontEnd) -> None:
    lines = curl(f"{server.url}/a/b%20c?d=e").split(b"\n")
    assert lines[:4] == [b"GET", b"/a/b%20c?d=e", b"HTTP/1.1", b"a/b%20c"]
    assert b"X-Ash-Address: 127.0.0.1" in lines
    assert b"X-Ash-Server-Port: %d" % server.port in lines
    assert b"X-Ash-Protocol: http" in lines


def test_post(server: FrontEnd) -> None:
    assert curl("--data", "name=value", f"{server.url}/").endswith(b"\n\nname=value")


def test_chunked_post(server: FrontEnd) -> None:
    sent = curl("--header", "Transfer-Encoding: chunked", "--data", "name=value", server.url + "/")
    assert sent.endswith(b"\n\nname=value")


def test_connections_are_kept(server: FrontEnd) -> None:
    connections = curl(
        *("--output", "/dev/null", f"{server.url}/1", "--write-out", "%{num_connects} "),
        *("--output", "/dev/null", f"{server.url}/2"),
    )
    assert connections == b"1 0 "
