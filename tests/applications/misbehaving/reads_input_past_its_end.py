"""It reads `wsgi.input` past its end, again and again."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"b'' b'' b''"), method="POST", body=b"x" * 1000)


def application(environ: Environ, start_response: Start) -> Any:
    stream = environ["wsgi.input"]
    assert stream.read(5000) == b"x" * 1000
    ends = [stream.read(5000), stream.read(1), stream.readline()]
    start_response("200 OK", [])
    return [" ".join(map(str, ends)).encode()]
