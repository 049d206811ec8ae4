"""The exceptions of the front end, and the short pages with which it answers by itself."""

from __future__ import annotations

from http import HTTPStatus

from ashd.proto import Error


class StartError(Error):
    """The front end can't start; the text is one clear line for the administrator."""


class UsageError(StartError):
    """The command line is wrong."""


class RequestError(Error):
    """A request that is answered by the front end itself; `status` says how, the text why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class ResponseError(Error):
    """What a handler wrote is no HTTP response."""


_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    502: "Bad Gateway",
}


def error_page(status: int, detail: str, *, body: bool, extra: bytes = b"") -> bytes:
    """Return a whole response, after which the connection is closed.

    `body` is false for the answer to a HEAD request. `extra` are header lines, each with its CRLF.
    """
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase
    page = f"{status} {phrase}\n\n{detail}\n".encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(page)}\r\nConnection: close\r\n"
    ).encode()
    return head + extra + b"\r\n" + (page if body else b"")
