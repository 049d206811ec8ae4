"""The least application. It notes each request, so that a test can see what got through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BODY = b"Hello, world!\n"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    print(
        f"request: {environ['REQUEST_METHOD']} {environ['REQUEST_URI']}",
        file=environ["wsgi.errors"],
    )
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [BODY]
