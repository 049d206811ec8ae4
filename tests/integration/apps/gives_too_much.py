"""Gives more than its Content-Length says; in one piece with the query string `piece`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"1234567890"] if environ["QUERY_STRING"] == "piece" else [b"123", b"456", b"7890"]
