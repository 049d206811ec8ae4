"""Serves connections: greets, finds out the protocol, and runs it. One thread for each connection.

A server owns the sockets that it is given. It knows nothing of where they come from: a listener, or
a parent process.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from .._errors import PdmError
from .._limits import CLOSE_TIMEOUT, Limits
from .._stream import Stream
from ._binding import Binder, bind_local
from ._perf import PerfConnection
from ._repl import ReplConnection

if TYPE_CHECKING:
    import socket

_log = logging.getLogger("ashd.pdm")
GREETING = b"+PDM1\n"


class Switch(Protocol):
    """Knows other processes that connections can be handed to."""

    def hand_over(
        self, worker: str | None, protocol: str, sock: socket.socket, data: bytes
    ) -> bool:
        """Give the connection to a worker; False when this process is to serve it. `PdmError` for
        an unknown one.
        """


class Server:
    """The connections of one listener. All methods may be called from any thread."""

    def __init__(
        self, limits: Limits, bind: Binder = bind_local, switch: Switch | None = None
    ) -> None:
        self._limits = limits
        self._bind = bind
        self._switch = switch
        self._lock = threading.Lock()  # for _open and _closed
        self._open: dict[threading.Thread, Stream] = {}
        self._closed = False

    def start(self, sock: socket.socket, protocol: str | None = None, data: bytes = b"") -> None:
        """Serve a connection in a thread of its own.

        With `protocol` the client was greeted already, and `data` is what it has sent since.
        """
        stream = Stream(sock, send_timeout=self._limits.send_timeout, data=data)
        thread = threading.Thread(
            target=self._serve, args=(stream, protocol), name="ashd-pdm-client", daemon=True
        )
        with self._lock:
            refused = self._closed or len(self._open) >= self._limits.connections
            if not refused:
                self._open[thread] = stream
        try:
            if not refused:
                thread.start()
                return
        except RuntimeError:  # can't start a thread
            self._forget(thread)
        self._refuse(stream)

    def _refuse(self, stream: Stream) -> None:
        with suppress(PdmError):
            stream.send(b"-ERR too many connections\n")
        stream.close()

    def _forget(self, thread: threading.Thread) -> None:
        with self._lock:
            self._open.pop(thread, None)

    def _serve(self, stream: Stream, protocol: str | None) -> None:
        try:
            chosen = protocol or self._greet(stream)
            if chosen is not None:
                self._run(stream, chosen)
        except PdmError as exc:
            _log.debug("a debug connection ended: %s", exc)
        except Exception:
            _log.exception("a debug connection failed")
        finally:
            self._forget(threading.current_thread())
            stream.close()

    def _run(self, stream: Stream, protocol: str) -> None:
        if protocol == "repl":
            ReplConnection(stream, self._limits).serve()
        else:
            PerfConnection(stream, self._limits, self._bind).serve()

    def _greet(self, stream: Stream) -> str | None:
        """Return the protocol that this process is to serve; None when there is none."""
        stream.send(GREETING)
        line = stream.read_line(self._limits.line, self._limits.greeting_timeout)
        if line is None:
            return None
        worker, protocol = _parse_choice(line)
        if protocol not in PROTOCOLS:
            stream.send(b"-ERR no such protocol; there are: repl, perf\n")
            return None
        try:
            return None if self._hand_over(stream, worker, protocol) else protocol
        except PdmError as exc:
            stream.send(f"-ERR {exc}\n".encode())
            return None

    def _hand_over(self, stream: Stream, worker: str | None, protocol: str) -> bool:
        if self._switch is None:
            if worker is not None:
                raise PdmError("this server has no worker processes")
            return False
        return self._switch.hand_over(worker, protocol, stream.socket, stream.pending)

    def close(self, seconds: float = CLOSE_TIMEOUT) -> None:
        """End all connections, and wait for their threads, but no longer than that."""
        with self._lock:
            self._closed = True
            running = dict(self._open)
        for stream in running.values():
            stream.abort()
        end = time.monotonic() + seconds
        for thread in running:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))

    def forget_after_fork(self) -> None:
        """In a new child process: close our copies of the connections. The parent goes on with its
        own.
        """
        self._lock = threading.Lock()
        self._closed = True
        for stream in self._open.values():
            stream.close()
        self._open.clear()


PROTOCOLS = ("repl", "perf")


def _parse_choice(line: bytes) -> tuple[str | None, str]:
    """Split `[@WORKER ]PROTOCOL`."""
    text = line.rstrip(b"\r").decode("ascii", "replace")
    if not text.startswith("@"):
        return None, text
    worker, _, protocol = text[1:].partition(" ")
    return worker, protocol
