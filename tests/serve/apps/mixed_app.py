"""For stress: the query tells how long to take, how much to send, and how to fail."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    milliseconds, size, failure = environ["QUERY_STRING"].split(",")
    if milliseconds != "0":
        time.sleep(int(milliseconds) / 1000)
    if failure == "call":
        raise ZeroDivisionError("call")
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    if failure == "none" and size == "0":
        return [b"quick"]
    return pieces(int(size), failure)


def pieces(size: int, failure: str) -> Iterator[bytes]:
    yield b"first"
    if failure == "iterator":
        raise ZeroDivisionError("iterator")
    while size > 0:
        yield bytes(min(size, 20_000))
        size -= 20_000
