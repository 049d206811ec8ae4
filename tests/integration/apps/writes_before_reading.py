"""Gives megabytes (the query string says how many) before it reads the body, whose hash comes last.

A front end that passes the whole body on before it reads the response would wait for us, and we for
it, if nobody took the body in meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for _ in range(int(environ["QUERY_STRING"])):
        yield bytes(1 << 20)
    yield hashlib.sha256(environ["wsgi.input"].read(-1)).hexdigest().encode()
