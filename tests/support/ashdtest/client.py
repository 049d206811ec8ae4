"""A client that sends what it is told, byte for byte, and sees the framing of the answer."""

from __future__ import annotations

import socket
import struct

from .http import Reader

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Client(Reader):
    """A connection of its own, closed at the end of a `with` block."""

    def __init__(self, sock: socket.socket) -> None:
        """Own `sock`."""
        super().__init__(sock)
        self.sock = sock

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> Client:
        """Send bytes; return the client, for what is to be read."""
        self.sock.sendall(data)
        return self

    def rest(self) -> bytes:
        """Read until the server closes or resets the connection."""
        data = b""
        while not self.at_end():
            data += self.exactly(1)
        return data

    def leave(self) -> None:
        """Close the connection."""
        self.sock.close()

    def reset(self) -> None:
        """Leave with a reset in place of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.sock.close()


def request(
    target: str, *fields: str, method: str = "GET", body: bytes = b"", version: str = "HTTP/1.1"
) -> bytes:
    """Return a request as bytes. Nothing tells the length of its body but `fields`."""
    lines = [f"{method} {target} {version}", "Host: localhost", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def post(target: str, body: bytes, *fields: str) -> bytes:
    """Return a POST request as bytes, with length and type of its body."""
    length = f"Content-Length: {len(body)}"
    kind = "Content-Type: application/octet-stream"
    return request(target, length, kind, *fields, method="POST", body=body)


def chunked(*pieces: bytes, end: bool = True) -> bytes:
    """Return a body in the chunked coding, with its end or cut before that."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return b"".join(chunks) + (b"0\r\n\r\n" if end else b"")
