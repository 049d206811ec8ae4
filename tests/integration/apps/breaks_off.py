"""Sends a first piece of a body without a length, and fails; the query string says how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[Any]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    how = environ["QUERY_STRING"]
    if how == "write":
        write(b"begun")
        raise RuntimeError("after write()")
    if how == "file":
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](BadFile())
        return wrapped
    return iter([b"begun", "text"]) if how == "text" else fail()


def fail() -> Iterator[bytes]:
    yield b"begun"
    raise RuntimeError("in the generator")


class BadFile:
    """A file that can be read once."""

    def __init__(self) -> None:
        self._blocks = fail()

    def read(self, _size: int) -> bytes:
        return next(self._blocks)
