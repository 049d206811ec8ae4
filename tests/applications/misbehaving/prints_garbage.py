"""It prints garbage to `wsgi.errors`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"printed"), prints="\\udcff\\ud800garbage")


def application(environ: Environ, start_response: Start) -> Any:
    environ["wsgi.errors"].write("\udcff\ud800garbage\n")
    environ["wsgi.errors"].buffer.write(b"\xff\xfe\n")
    environ["wsgi.errors"].buffer.flush()
    start_response("200 OK", [])
    return [b"printed"]
