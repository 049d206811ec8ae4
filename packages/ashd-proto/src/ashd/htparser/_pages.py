"""The short pages with which the front end answers by itself."""

from __future__ import annotations

from http import HTTPStatus

from ._limits import RETRY_AFTER
from ._response import SERVER_LINE, date_line

_RETRY = b"Retry-After: %d\r\n" % RETRY_AFTER
_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    502: "Bad Gateway",
}

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Tells a client that its body is welcome."""


def error_page(status: int, detail: str, *, body: bool) -> bytes:
    """Return a whole response, after which the connection is closed.

    `body` is false for the answer to a HEAD request.
    """
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    page = f"{status} {phrase}\n\n{detail}\n".encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(page)}\r\nConnection: close\r\n"
    ).encode()
    head += date_line() + SERVER_LINE + (_RETRY if status == 503 else b"")
    return head + b"\r\n" + (page if body else b"")
