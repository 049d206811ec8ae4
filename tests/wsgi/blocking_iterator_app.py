"""An iterator that blocks before its first piece, until its request is ended."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def _block() -> Iterator[bytes]:
    while time.monotonic() > 0:
        time.sleep(0.01)
    yield b"never"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _block() if environ["PATH_INFO"] == "/block" else iter([b"fine"])
