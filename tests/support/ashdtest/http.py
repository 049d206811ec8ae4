"""Responses as they come over a connection, read byte for byte."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as a client gets it. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Reader:
    """Reads responses from a connection, which stays the caller's."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    def reply(self, *, head_only: bool = False) -> Reply:
        """Read one response; ConnectionError when it is cut."""
        head = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d\d\d) .*", head[0])
        assert match, head[0]
        headers = {}
        for line in head[1:-2]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        status = int(match[1])
        body = b"" if head_only or status in (100, 103, 204, 304) else self._body(headers)
        return Reply(status, headers, body)

    def until(self, end: bytes) -> bytes:
        """Read up to and with `end`."""
        while end not in self._buffer:
            self._more()
        text, _, self._buffer = self._buffer.partition(end)
        return text + end

    def exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        if len(self._buffer) < size:
            self._more_of(size)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more_of(self, size: int) -> None:
        """Read until so many bytes are there, in a time that is linear in them."""
        buffer = bytearray(self._buffer)
        while len(buffer) < size:
            self._buffer = b""
            self._more()
            buffer += self._buffer
        self._buffer = bytes(buffer)

    def trickle(self, size: int) -> None:
        """Take up to `size` bytes, one by one, for what is read later."""
        while len(self._buffer) < size and (piece := self._sock.recv(1)):
            self._buffer += piece

    def at_end(self) -> bool:
        """Wait for the next byte or the end; tell whether it was the end."""
        if self._buffer:
            return False
        try:
            self._buffer = self._sock.recv(1 << 16)
        except ConnectionError:
            return True
        return not self._buffer

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        if "content-length" in headers:
            return self.exactly(int(headers["content-length"]))
        body = b""
        while not self.at_end():
            body += self.exactly(len(self._buffer))
        return body

    def _chunk(self) -> bytes:
        data = self.exactly(int(self.until(b"\r\n"), 16))
        assert self.exactly(2) == b"\r\n"
        return data

    def _more(self) -> None:
        piece = self._sock.recv(1 << 16)
        if not piece:
            raise ConnectionError(f"the response was cut behind {self._buffer[-100:]!r}")
        self._buffer += piece
