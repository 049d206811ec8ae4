"""It yields a `str` after `bytes`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Cut, Environ, Pieces, Shows, Start

shows = Shows(client=Cut(b"one"), log=(FAILED, "the body must come in pieces of bytes, not str"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, [b"one", "two"])
