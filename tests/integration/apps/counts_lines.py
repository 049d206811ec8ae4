"""Gives its lines one by one, without a length; the query string says how many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    for number in range(int(environ["QUERY_STRING"])):
        yield b"line %d\n" % number
