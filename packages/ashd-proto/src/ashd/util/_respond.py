"""A whole response in one call, and the sending that can't hang on an unread request body."""

from __future__ import annotations

import select
import socket

from ashd.proto import Request

_DISCARD = 65536  # bytes of an unwanted body that are read at a time
_CONTENT_TYPE = "text/html; charset=utf-8"


def respond(
    request: Request,
    body: str | bytes,
    status: str = "200 OK",
    content_type: str = _CONTENT_TYPE,
    *,
    ctype: str | None = None,
) -> None:
    """Write a complete response, with its length; a `str` body goes out as UTF-8.

    The request stays open and stays the caller's (`serve_loop` closes it). What is unread of the
    request's body is thrown away where the client would wait for that. A client that has gone
    away is no error. Raises ValueError if `status` or `content_type` hold control characters.

    `ctype` is the original library's name for `content_type`.
    """
    content_type = ctype or content_type
    payload = body.encode() if isinstance(body, str) else body
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(payload)}"
    ).encode("latin-1")
    if not f"{status}{content_type}".isprintable():
        raise ValueError(f"control characters in {status!r} or {content_type!r}")
    try:
        send_all(request.socket, head + b"\r\n\r\n" + payload)
    except (BrokenPipeError, ConnectionResetError):
        pass


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of `data`; while the peer doesn't take it, throw away what it sends us.

    A front end may write the whole request body before it reads the first byte of the response:
    whoever only writes would wait for it forever. Raises OSError.
    """
    view = memoryview(data)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    while view:
        try:
            view = view[sock.send(view, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            _, events = poll.poll()[0]
            if events & select.POLLIN and not sock.recv(_DISCARD, socket.MSG_DONTWAIT):
                poll.modify(sock, select.POLLOUT)
