"""Calling a handler as a front end would: send a request, return the whole response."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ashd.proto import Headers, ProtocolError, Request, send_request

_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler answered. Header names are as the handler wrote them."""

    status: int
    reason: bytes
    headers: Headers
    body: bytes

    def get(self, name: bytes) -> bytes | None:
        """Return the value of the first header of that name, whatever its case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def call_handler(
    sock: socket.socket | int,
    url: bytes,
    *,
    method: bytes = b"GET",
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    rest: bytes | None = None,
    timeout: float | None = None,
) -> Response:
    """Send a request to the handler at the other end of `sock`, and wait for its response.

    `rest` is by default what a front end makes of `url`. A `Content-Length` is added for a body
    that has none declared. Raises what `ashd.proto.send_request` raises; `ProtocolError` for a
    response without a proper head; TimeoutError after `timeout` seconds.
    """
    fields = list(headers)
    if body and not any(name.lower() == b"content-length" for name, _ in fields):
        fields.append((b"Content-Length", b"%d" % len(body)))
    if rest is None:
        rest = url.partition(b"?")[0].removeprefix(b"/")
    ours, theirs = socket.socketpair()
    with ours:
        with Request(method, url, b"HTTP/1.1", rest, fields, theirs.detach()) as request:
            send_request(sock, request)
        return parse_response(_exchange(ours, body, timeout))


def _exchange(sock: socket.socket, body: bytes, timeout: float | None) -> bytes:
    deadline = None if timeout is None else time.monotonic() + timeout
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    unsent = memoryview(body)
    received = bytearray()
    while True:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = poll.poll(wait)
        if not ready:
            raise TimeoutError(f"no complete response within {timeout} s")
        events = ready[0][1]
        if events & select.POLLOUT:
            unsent = _send_some(sock, unsent)
            if not unsent:
                poll.modify(sock, select.POLLIN)
        if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            try:
                piece = sock.recv(_CHUNK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except ConnectionResetError:  # it left some of the body unread
                piece = b""
            if not piece:
                return bytes(received)
            received += piece


def _send_some(sock: socket.socket, unsent: memoryview) -> memoryview:
    try:
        rest = unsent[sock.send(unsent[:_CHUNK], socket.MSG_DONTWAIT) :] if unsent else unsent
        if not rest:
            sock.shutdown(socket.SHUT_WR)
    except BlockingIOError:
        return unsent
    except OSError:  # the handler doesn't want the body; its answer may still come
        return memoryview(b"")
    return rest


def parse_response(data: bytes) -> Response:
    """Take a whole response apart (head lines may end in LF or CRLF); raises `ProtocolError`."""
    lines, position = [], 0
    while True:
        end = data.find(b"\n", position)
        if end < 0:
            raise ProtocolError(f"the response ends within its head: {data[:80]!r}")
        line = data[position:end].removesuffix(b"\r")
        position = end + 1
        if not line:
            break
        lines.append(line)
    version, _, status_line = (lines[0] if lines else b"").partition(b" ")
    status, _, reason = status_line.partition(b" ")
    if not version.startswith(b"HTTP/") or not status.isdigit():
        raise ProtocolError(f"the response doesn't start with a status line: {data[:80]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise ProtocolError(f"a header line without a colon: {line!r}")
        headers.append((name, value.strip(b" \t")))
    return Response(int(status), reason, headers, data[position:])
