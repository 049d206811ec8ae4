"""Answers with the status that the path names, and always gives a body, allowed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response(f"{environ['PATH_INFO'].strip('/')} Said So", [("X-Seen", "yes")])
    return [b"this is ", b"a body\n"]
