"""Keeps some memory for each request."""

import os
from collections.abc import Callable, Iterable
from typing import Any

KEPT: list[bytes] = []


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    KEPT.append(b"x" * 1_000_000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
