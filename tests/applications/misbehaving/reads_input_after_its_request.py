"""It keeps `wsgi.input`, and reads that of the request before."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ashd.wsgi import CutBodyError
from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"nothing of others"), method="POST", body=b"x" * 100_000)

kept: list[Any] = []


def application(environ: Environ, start_response: Start) -> Any:
    kept.append(environ["wsgi.input"])
    start_response("200 OK", [])
    if len(kept) > 1:
        with suppress(CutBodyError):  # or that request has not quite ended
            assert not kept.pop(0).read().strip(b"x")
    return [b"nothing of others"]
