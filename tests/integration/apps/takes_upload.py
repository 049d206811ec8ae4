"""Reads the body in blocks, and answers with its size and hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    size, digest, stream = 0, hashlib.sha256(), environ["wsgi.input"]
    while block := stream.read(1 << 16):
        size += len(block)
        digest.update(block)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{size} {digest.hexdigest()}\n".encode()]
