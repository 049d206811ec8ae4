"""Raises after a first piece of body; the query string is the Content-Length, if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    length = environ["QUERY_STRING"]
    headers = [("Content-Type", "text/plain")]
    start_response("200 OK", headers + ([("Content-Length", length)] if length else []))
    yield b"the first piece\n"
    raise RuntimeError("secret details")
