"""It gives a body to HEAD."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b""), method="HEAD")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "4")])
    return Pieces(__name__, [b"body"])
