"""A response without end, and a word in the log each time its `close` is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any


class Endless:
    """Blocks of zeros."""

    def __init__(self) -> None:
        self._closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return bytes(1 << 14)

    def close(self) -> None:
        self._closed += 1
        print(f"closed: {self._closed}", file=sys.stderr, flush=True)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Endless:
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return Endless()
