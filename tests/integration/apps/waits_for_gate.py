"""Gives a line, waits until the file that the query string names is there, and gives another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ashdtest.processes import wait_until


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    gate = Path(unquote(environ["QUERY_STRING"]))
    yield b"before\n"
    wait_until(gate.exists)
    yield b"after\n"
