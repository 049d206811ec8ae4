"""Sends its body by `write()`, the old way of PEP 3333, and the rest by returning it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written\n")
    return [b"returned\n"]
