"""Sends early hints, as many as the query says; or one, and waits for what it hints at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

LINK = ("Link", "</style.css>; rel=preload; as=style")
PAGE = b"<link rel=stylesheet href=/style.css><p>hello"
TEXT = [("Content-Type", "text/plain")]
fetched = threading.Event()
"""The style sheet was asked for."""

WRONG: list[Any] = [
    [("Link", "a\r\nX: b")],
    [("Li nk", "a")],
    [("Content-Length", "1")],
    [("Connection", "close")],
    [("Link", "x" * 9000)],
    [("Link", "\u20ac")],
    None,
]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    hints: Callable[..., None] | None = environ.get("wsgi.early_hints")
    if path == "/style.css":
        fetched.set()
        start_response("200 OK", [("Content-Type", "text/css"), ("Cache-Control", "max-age=60")])
        yield b"p {color: red}"
    elif path == "/page" and hints is not None:
        hints([LINK])
        came = fetched.wait(60)
        start_response("200 OK", [("Content-Type", "text/html")])
        yield PAGE + (b" fetched early" if came else b" in vain")
    elif path == "/hints" and hints is not None:
        for _ in range(int(query)):
            hints([LINK, ("X-Number", "1")])
        start_response("200 OK", TEXT)
        yield b"some"
        hints([LINK])  # too late
        yield b"thing"
    elif path == "/wrong" and hints is not None:
        errors = [error_of(hints, headers) for headers in WRONG]
        start_response("200 OK", TEXT)
        yield " ".join(errors).encode()
    elif path == "/slow" and hints is not None:
        hints([LINK])
        while True:
            threading.Event().wait(0.01)
    else:
        start_response("200 OK", TEXT)
        yield b"no hints"


def error_of(hints: Callable[..., None], headers: object) -> str:
    try:
        hints(headers)
    except ValueError as error:
        return type(error).__name__
    return "none"
