"""It keeps `wsgi.input`, and reads that of the request before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"nothing of others"), method="POST", body=b"x" * 100_000)

kept: list[Any] = []


def application(environ: Environ, start_response: Start) -> Any:
    kept.append(environ["wsgi.input"])
    start_response("200 OK", [])
    if len(kept) > 1:
        with suppress(OSError):  # or that request is just ending, in another thread
            assert not kept.pop(0).read().strip(b"x")
    return [b"nothing of others"]
