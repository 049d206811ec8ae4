"""Gives as many bytes as the query string says, from an iterator, with their Content-Length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

BLOCK = bytes(range(256)) * 256


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    size = int(environ["QUERY_STRING"])
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
    start_response("200 OK", headers)
    for _ in range(size // len(BLOCK)):
        yield BLOCK
    yield BLOCK[: size % len(BLOCK)]
