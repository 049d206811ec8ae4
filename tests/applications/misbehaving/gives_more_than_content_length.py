"""Its body is longer than its `Content-Length`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"bod"), log=("the body is longer than its Content-Length of 3",))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "3")])
    return Pieces(__name__, [b"bo", b"dy", b"more"])
