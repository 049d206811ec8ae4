"""The names and signatures of the original library, for code that was written for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ._dates import http_date, parse_http_date
from ._html import html_quote, simple_error
from ._testing import ResponseRecorder, make_environ

__all__ = ["htmlquote", "httpdate", "phttpdate", "simpleerror", "testenviron", "testrequest"]

htmlquote = html_quote
simpleerror = simple_error
httpdate = http_date
testrequest = ResponseRecorder


def phttpdate(text: str) -> int | None:
    """Return an HTTP date as seconds since the epoch; None for anything else."""
    try:
        return parse_http_date(text)
    except ValueError:
        return None


def environ_of(
    uri: str,
    qs: str = "",
    pi: str = "",
    method: str | None = None,
    filename: str | None = None,
    host: str = "localhost",
    data: bytes | str | None = None,
    ctype: str | None = None,
    head: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return an environ for a request of the application at `uri`, with the path `pi` below it.

    `data` is the body; with it, the method is by default POST and the type that of a form. `head`
    has further headers, by their names in HTTP.
    """
    body = data.encode() if isinstance(data, str) else data
    extra = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (head or {}).items()
    }
    if method is not None:
        extra["REQUEST_METHOD"] = method
    if filename is not None:
        extra["SCRIPT_FILENAME"] = filename
    if ctype is not None:
        extra["CONTENT_TYPE"] = ctype
    return make_environ(uri + quote(pi), qs, uri, body, HTTP_HOST=host, **extra)


testenviron = environ_of
