"""It yields `bytes` of a subclass whose `__len__` lies."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"onetwo"))


class Liar(bytes):
    __slots__ = ()

    def __len__(self) -> int:
        return 1_000


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, [Liar(b"one"), Liar(b"two")])
