"""It gives a body for a `Content-Length` of 0."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b""), log=("the body is longer than its Content-Length of 0",))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "0")])
    return Pieces(__name__, [b"body"])
