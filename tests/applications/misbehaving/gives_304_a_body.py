"""It gives a body and its length with the status 304."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"", status=304))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("304 Not Modified", [("Content-Length", "4")])
    return Pieces(__name__, [b"body"])
