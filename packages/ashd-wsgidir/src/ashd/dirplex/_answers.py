"""The answers that dirplex gives itself: redirects and error pages.

All are small whatever the client sent, and none waits for the client. They close the request.
"""

from __future__ import annotations

import errno
import html
from http import HTTPStatus

from ashd.proto import QueueFullError, Request, RequestTooLargeError
from ashd.util import printable, send_response

RETRY_SECONDS = 10
"""What `Retry-After` says when a handler is too busy: shorter than a user's patience, long enough
that a crowd of clients is no burden."""

MAX_LOCATION = 16 << 10
"""Bytes of a redirect's target. Clients and front ends limit a URL to 8 KiB; a longer target leads
nowhere."""

_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b'\\"<>^`{|}')
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)


def answer(request: Request, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
    """Send a small page and close the request. It is not an error if the client has gone away."""
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{status.phrase}</title></head>\n"
        f"<body><h1>{status.phrase}</h1><p>{html.escape(text)}</p></body></html>\n"
    ).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(page)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    send_response(request, "\r\n".join([*lines, "", ""]).encode("latin-1") + page)


def not_found(request: Request) -> None:
    """Answer 404."""
    answer(request, HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def forbidden(request: Request) -> None:
    """Answer 403, for a directory that may not be listed."""
    answer(request, HTTPStatus.FORBIDDEN, "This directory can't be shown.")


def malformed(request: Request) -> None:
    """Answer 400."""
    answer(request, HTTPStatus.BAD_REQUEST, "A percent sign in the address starts no valid escape.")


def add_slash(request: Request) -> None:
    """Redirect to the same URL with a slash at the end of its path.

    Only a path is sent, and never one that starts with two slashes (or a backslash, which browsers
    take for one): that would name a host.
    """
    path, question, query = request.url.partition(b"?")
    target = b"/" + path.lstrip(b"/") + b"/" + question + query
    location = "".join(chr(c) if c in _PLAIN else f"%{c:02X}" for c in target[: MAX_LOCATION + 1])
    if len(location) > MAX_LOCATION:
        answer(request, HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long.")
        return
    text = f"This is at {printable(location.encode())}."
    answer(request, HTTPStatus.MOVED_PERMANENTLY, text, ("Location", location))


def misconfigured(request: Request) -> None:
    """Answer 500; the log has the reason."""
    answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "The server is erroneously configured.")


def undeliverable(request: Request, error: Exception) -> None:
    """Answer for a request that could not be passed on because of `error`."""
    if isinstance(error, RequestTooLargeError):
        answer(request, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request is too large.")
    elif is_passing(error):
        retry = ("Retry-After", str(RETRY_SECONDS))
        answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "The server is too busy.", retry)
    else:
        misconfigured(request)


def is_passing(error: Exception) -> bool:
    """Tell whether the same request might succeed a little later."""
    if isinstance(error, QueueFullError):
        return True
    return isinstance(error, OSError) and error.errno in _SHORTAGES
