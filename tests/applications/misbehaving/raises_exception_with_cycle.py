"""It raises an exception that is its own cause's cause, and refers to its own frame."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ValueError: first", "ValueError: second"), cycle=True)


def application(environ: Environ, start_response: Start) -> Any:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first
