"""It raises after `write`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Cut, Environ, Shows, Start

shows = Shows(client=Cut(b"written"), log=(FAILED, "ZeroDivisionError: after write"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])(b"written")
    raise ZeroDivisionError("after write")
