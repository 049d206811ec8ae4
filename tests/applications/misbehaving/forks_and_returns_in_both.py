"""It forks, and returns in both processes."""

from __future__ import annotations

import os
from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(
    client=Whole(b"from the parent"),
    prints="a process that the application has forked came back to the server and is ended",
)


class Result(Pieces):
    def __init__(self, name: str, child: int) -> None:
        super().__init__(name, [b"from the parent" if child else b"from the child"])
        self._child = child

    def close(self) -> None:
        super().close()
        if self._child:
            os.waitpid(self._child, 0)


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__, os.fork())
