"""It puts what it likes into the environ."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"spoilt"))


def application(environ: Environ, start_response: Start) -> Any:
    for key in list(environ):
        environ[key] = environ if key.startswith("HTTP") else None
    environ.clear()
    environ["CONTENT_LENGTH"] = -5
    environ["REQUEST_METHOD"] = "HEAD"
    start_response("200 OK", [])
    return [b"spoilt"]
