"""Streams as many bytes as the query says, in pieces with empty ones between them.

start_response is called when the iterator is first advanced; the iterator has no `close`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Stream:
    def __init__(self, size: int, start_response: Callable[..., Any]) -> None:
        self.left = size
        self.start_response = start_response

    def __iter__(self) -> Iterator[bytes]:
        self.start_response("200 OK", [("Content-Type", "application/octet-stream")])
        while self.left:
            piece = min(self.left, 50_000)
            self.left -= piece
            yield b""
            yield bytes(piece)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return Stream(int(environ["QUERY_STRING"]), start_response)
