"""The value of a header is an `int`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"body"), prints="gives the header X-Number as an int")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("X-Number", 5)])
    return [b"body"]
