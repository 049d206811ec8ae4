"""It yields other bytes-like objects."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"abcd"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, [memoryview(b"a_b_")[::2], bytearray(b"cd")])
