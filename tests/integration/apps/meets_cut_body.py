"""Reads the body as the query string says, and writes into the log what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ashd.wsgi import CutBodyError


def _read_blocks(stream: Any) -> None:
    while stream.read(1000):
        pass


READERS: dict[str, Callable[[Any], object]] = {
    "all": lambda stream: stream.read(),
    "blocks": _read_blocks,
    "lines": list,
    "readline": lambda stream: list(iter(stream.readline, b"")),
}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    how = environ["QUERY_STRING"]
    print(f"reading: {how}", file=sys.stderr, flush=True)
    try:
        READERS[how](environ["wsgi.input"])
        outcome = "clean end"
    except OSError as error:
        outcome = "cut" if isinstance(error, CutBodyError) else repr(error)
    print(f"{how}: {outcome}", file=sys.stderr, flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [outcome.encode()]
