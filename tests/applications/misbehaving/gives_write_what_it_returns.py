"""It gives `write` a `str`, and goes on."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"returned"))


def application(environ: Environ, start_response: Start) -> Any:
    write = start_response("200 OK", [])
    try:
        write("text")
    except Exception:
        pass
    return [b"returned"]
