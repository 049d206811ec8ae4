"""Appends a line to the file that the query names, whenever `close` of its iterable is called.

The path says what the iterable does: `/raise` in the middle, `/first` at the first advance,
`/empty` gives nothing, `/exit` raises SystemExit, `/big` gives many megabytes, all else one piece.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any


class Pieces:
    def __init__(self, kind: str, log: str) -> None:
        self.kind = kind
        self.log = log
        self.number = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.number += 1
        if self.kind == "first" or (self.kind == "raise" and self.number == 2):
            raise ZeroDivisionError("the iterable")
        if self.kind == "exit":
            raise SystemExit("the iterable")
        if self.kind == "empty" or self.number > (500 if self.kind == "big" else 1):
            raise StopIteration
        return b"x" * (100_000 if self.kind == "big" else 10)

    def close(self) -> None:
        with Path(self.log).open("ab", buffering=0) as file:
            file.write(f"{self.kind}\n".encode())
        if self.kind == "raise":
            raise ZeroDivisionError("close")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    kind = PurePosixPath(environ["SCRIPT_NAME"] + environ["PATH_INFO"]).name
    return Pieces(kind, environ["QUERY_STRING"])
