"""A client's connection to a server."""

from __future__ import annotations

import socket
from dataclasses import replace

from ..processes import DEADLINE
from .wire import Answer, Stream, read_answer, read_stray


class GoneError(Exception):
    """The server had closed the connection before the request came."""


class Connection:
    """Owns its socket."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = Stream(self._receive)

    def send(self, data: bytes) -> Connection:
        """Send bytes. A server that takes no more of them has answered, perhaps."""
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def answer(self, method: str, *, stop_at_interim: bool = False) -> Answer:
        """Read a response, and what stands before it by mistake."""
        stray = read_stray(self._stream)
        if self._stream.at_end():
            raise GoneError
        answer = read_answer(self._stream, method, stop_at_interim=stop_at_interim)
        return replace(answer, stray=stray)

    def rest(self) -> bytes:
        """Read all up to the end."""
        return self._stream.rest()

    def close(self) -> None:
        self._sock.close()

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(1 << 16)
        except ConnectionResetError:
            return b""
