"""A page that grows line by line: each line is sent when it is made."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime

from . import _web
from ._web import Environ, Response, html_stream, number, page, plain, wants_html

_LINES, _MOST_LINES = 20, 500
_PAUSE, _LONGEST_PAUSE = 500, 10_000  # milliseconds between two lines


def show(environ: Environ) -> Response:
    """Show what there is to stream."""
    return page(environ, "stream", "Stream")


def grow(environ: Environ) -> Response:
    """Send `?lines=` lines, each after a pause of `?pause=` milliseconds."""
    lines = number(environ, "lines", _LINES, _MOST_LINES)
    pause = number(environ, "pause", _PAUSE, _LONGEST_PAUSE) / 1000
    if not wants_html(environ):
        text = plain("")
        made = (f"{line}\n".encode() for line in _lines(lines, pause))
        return Response(text.status, text.headers, made)
    return html_stream(_page(environ, lines, pause))


def _page(environ: Environ, lines: int, pause: float) -> Iterator[bytes]:
    yield _web.before(environ, "A page that grows").encode()
    yield _web.fill("growing", base=_web.base(environ), lines=str(lines)).encode()
    for line in _lines(lines, pause):
        yield f"<li>{line}</li>\n".encode()
    yield b'</ol><p class="note">That was all.</p>' + _web.after().encode()


def _lines(lines: int, pause: float) -> Iterator[str]:
    ident = threading.get_ident()
    for count in range(1, lines + 1):
        yield f"{datetime.now():%H:%M:%S.%f}  line {count} of {lines}, from thread {ident:x}"
        if count < lines:
            time.sleep(pause)
