"""A download of any size, made while it is sent."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ._web import Environ, Response, number, size_text

_MIB = 1 << 20
_SIZE, _LARGEST = 100, 1 << 20  # MiB
_BLOCK = random.Random(0).randbytes(1 << 16)  # the same in every process, and hard to compress


def download(environ: Environ) -> Response:
    """Send `?mib=` MiB."""
    size = number(environ, "mib", _SIZE, _LARGEST) * _MIB
    name = f"demo-{size_text(size).replace(' ', '-')}.bin"
    headers = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(size)),
        ("Content-Disposition", f'attachment; filename="{name}"'),
    ]
    return Response("200 OK", headers, _blocks(size))


def _blocks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(_BLOCK)):
        yield _BLOCK
    if size % len(_BLOCK):
        yield _BLOCK[: size % len(_BLOCK)]
