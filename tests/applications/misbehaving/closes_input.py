"""It closes `wsgi.input`, before it has read the body."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"closed"), method="POST", body=b"x" * 1000)


def application(environ: Environ, start_response: Start) -> Any:
    environ["wsgi.input"].close()
    start_response("200 OK", [])
    return [b"closed"]
