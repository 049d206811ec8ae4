"""The response socket as a stream that knows whether anything was sent.

Made by `Request.stream`; used by one thread at a time, as the request is. The socket belongs to the
request.
"""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Output(io.RawIOBase):
    """The writing half of a socket's file."""

    def __init__(self, file: socket.SocketIO) -> None:
        self._file = file
        self.written = False
        self.dropped = False

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int | None:
        if self.dropped:
            return memoryview(data).nbytes
        self.written = True
        return self._file.write(data)


class ResponseStream(io.BufferedRWPair):
    """Reads the body of a request, and writes the response."""

    def __init__(self, sock: socket.socket) -> None:
        """Make a stream of a socket, which stays the caller's."""
        file = sock.makefile("rwb", buffering=0)
        self._output = _Output(file)
        super().__init__(file, self._output)

    def drop(self) -> bool:
        """Forget what is in the buffer, unless some of the response was sent; tell which."""
        self._output.dropped = not self._output.written
        return self._output.dropped
