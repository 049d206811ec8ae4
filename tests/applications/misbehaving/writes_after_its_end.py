"""A thread of it calls `write` after the response."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"before"), prints="write() after the end: ResponseError")


def application(environ: Environ, start_response: Start) -> Any:
    write = start_response("200 OK", [])
    return Result(__name__, write)


class Result(Pieces):
    def __init__(self, name: str, write: Callable[[bytes], object]) -> None:
        super().__init__(name, [b"before"])
        self._write = write

    def close(self) -> None:
        super().close()
        thread = threading.Thread(target=write_late, args=(self._write,))
        thread.start()
        thread.join()


def write_late(write: Callable[[bytes], object]) -> None:
    try:
        write(b"after")
    except Exception as error:
        print(f"write() after the end: {type(error).__name__}", file=sys.stderr)
