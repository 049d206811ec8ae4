"""Raises before there is a response: what the query string names."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise getattr(builtins, environ["QUERY_STRING"])("secret details")
