"""The short answers that this library gives itself, where no handler can."""

from __future__ import annotations

import os
import socket

_REASONS = {
    400: "Bad Request",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def refusal(status: int, extra_headers: str = "") -> bytes:
    """Return a complete plain-text response that names `status` and nothing else.

    `extra_headers` are whole header lines, each with its CRLF.
    """
    reason = f"{status} {_REASONS[status]}"
    body = reason + "\n"
    return (
        f"HTTP/1.1 {reason}\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        f"Content-Length: {len(body)}\r\n{extra_headers}\r\n{body}"
    ).encode("ascii")


def refuse(fd: int, status: int) -> None:
    """Answer on the response socket `fd` and close it, without ever waiting for the client.

    The descriptor belongs to this function. `Connection: close` makes a front end drop what is
    left of a request whose length may be in doubt.
    """
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    except OSError:  # it is not a socket
        close_quietly(fd)
        return
    try:
        sock.send(refusal(status, "Connection: close\r\n"), socket.MSG_DONTWAIT)
    except OSError:  # the client is gone
        pass
    close_quietly(sock.detach())


def close_quietly(fd: int) -> None:
    """Close a descriptor without complaining: it may be any file, and nobody wants its data."""
    try:
        os.close(fd)
    except OSError:
        pass
