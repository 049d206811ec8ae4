"""Answers with the status that the path names, and always gives a body, allowed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    status = environ["PATH_INFO"].strip("/")
    headers = [("X-Seen", "yes")]
    if status not in ("204", "304"):
        headers.append(("Content-Type", "text/plain"))
    start_response(f"{status} Said So", headers)
    return [b"this is ", b"a body\n"]
