"""Applications that answer in one way or another, for tests of the adapter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

Headers = list[tuple[str, str]]
LARGE = 4_000_000  # bytes: more than the sockets take at a time


def answering(result: Any, status: str = "200 OK", headers: Headers | None = None) -> Any:
    """Return an application that gives `result`, or what it returns if it is a function."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers or [])
        return result() if callable(result) else result

    return application


class Sized:
    """An iterable that is no list and knows its length."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pieces)


class Closing:
    """An iterable that counts how often it was closed."""

    def __init__(self, pieces: Iterable[Any], error: BaseException | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def raising(error: BaseException, *pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise error


ERRORS = [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, MemoryError]
each_error = pytest.mark.parametrize("error", ERRORS)
"""Runs a test with exceptions of every kind."""
