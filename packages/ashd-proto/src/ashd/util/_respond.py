"""A whole response in one call, and a way to send that an unread request body can't block."""

from __future__ import annotations

import select
import socket

from ashd.proto import Request

from ._outbox import send_response

_DISCARD = 65536  # bytes of an unwanted body that are read at a time
_CONTENT_TYPE = "text/html; charset=utf-8"
_BYTES_LIKE = (bytes, bytearray, memoryview)


def respond(
    request: Request,
    body: object,
    status: str = "200 OK",
    content_type: str = _CONTENT_TYPE,
    *,
    ctype: str | None = None,
) -> None:
    """Answer a request with a complete response, and close it. This never waits for the client.

    A body of `bytes` (or `bytearray` or `memoryview`) goes out as it is, anything else as the UTF-8
    form of its `str()`. The response has a Content-Length. What its client doesn't take at once is
    sent in the background (see `send_response`). It is not an error if the client has gone away.
    Raises ValueError if `status` or `content_type` hold control characters; then the request stays
    open.

    `ctype` is the original library's name for `content_type`.
    """
    content_type = ctype or content_type
    if not f"{status}{content_type}".isprintable():
        raise ValueError(f"control characters in {status!r} or {content_type!r}")
    payload = bytes(body) if isinstance(body, _BYTES_LIKE) else str(body).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(payload)}"
    ).encode("latin-1")
    send_response(request, head + b"\r\n\r\n" + payload)


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of `data`, waiting for the peer; meanwhile throw away what it sends us.

    A front end may write the whole request body before it reads the first byte of the response: a
    handler that only writes would wait for it forever. Raises OSError.
    """
    view = memoryview(data)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    while view:
        try:
            sent = sock.send(view, socket.MSG_DONTWAIT)
        except BlockingIOError:
            _, events = poll.poll()[0]
            if events & select.POLLIN and not sock.recv(_DISCARD, socket.MSG_DONTWAIT):
                poll.modify(sock, select.POLLOUT)
        else:
            view = view[sent:]
