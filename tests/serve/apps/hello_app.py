"""Answers at once, and tells which process it is."""

import os
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    flags = [environ[f"wsgi.{name}"] for name in ("multithread", "multiprocess")]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {flags}".encode()]
