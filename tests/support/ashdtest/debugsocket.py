"""A raw client of a debug socket, and servers that aren't ours: bytes out, bytes in.

They know nothing of our library, so they stand for any other. The client's reads have a deadline.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .processes import DEADLINE


class RawClient:
    """One connection. `with` closes it."""

    def __init__(self, address: str | tuple[str, int], protocol: str | None = None) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(address)
        self._buffer = b""
        if protocol is not None:
            assert self.line() == b"+PDM1\n"
            self.send(f"{protocol}\n".encode())
            assert self.line() == {"repl": b"+REPL\n", "perf": b"+PERF1\n"}[protocol.split()[-1]]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _fill(self) -> None:
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError(f"end-of-file after {self._buffer[:1000]!r}")
        self._buffer += piece

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n") + 1) == 0:
            self._fill()
        return self.exactly(end)

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        data, self._buffer = self._buffer, b""
        try:
            while piece := self.socket.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def run(self, code: str) -> tuple[list[str], str]:
        """Run a command of the protocol `repl`: its output lines, and its status line."""
        self.send(code.encode() + b"\n\n")
        return self.output()

    def output(self) -> tuple[list[str], str]:
        lines = []
        while (line := self.line().decode()).startswith(" "):
            lines.append(line[1:-1])
        return lines, line[:-1]

    def pickle(self, data: bytes) -> None:
        self.send(struct.pack(">i", len(data)) + data)

    def message(self) -> Any:
        """The next message, read by the ordinary pickle module."""
        return pickle.loads(self.message_bytes())

    def message_bytes(self) -> bytes:
        (size,) = struct.unpack(">i", self.exactly(4))
        return self.exactly(size)

    def ask(self, *request: Any, protocol: int = 4) -> Any:
        self.pickle(pickle.dumps(request, protocol))
        return self.message()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def server(place: Path, serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that isn't ours, for one connection."""
    path = str(place / "other")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def run() -> None:
            sock, _ = listening.accept()
            with sock:
                try:
                    serve(sock)
                except OSError:
                    pass

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield path
        finally:
            thread.join()
