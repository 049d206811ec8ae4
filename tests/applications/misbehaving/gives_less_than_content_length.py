"""Its body is shorter than its `Content-Length`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Cut, Environ, Pieces, Shows, Start

shows = Shows(
    client=Cut(b"body"), log=("the body is 3 bytes shorter than its Content-Length of 7",)
)


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "7")])
    return Pieces(__name__, [b"bo", b"dy"])
