"""It gives a body with the status 204."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"", status=204))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("204 No Content", [])
    return Pieces(__name__, [b"body"])
