"""Serves connections: greets, finds out the protocol, and runs it.

One thread for each socket of the server takes connections from it, and each connection has a thread
of its own. The server owns all of these sockets.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from .._errors import ListenError, PdmError
from .._limits import CLOSE_TIMEOUT, Limits
from .._stream import Stream
from ..perf._registry import find_object
from ._fork import forget_after_fork
from ._perf import PerfConnection
from ._repl import ReplConnection
from ._workers import Workers

_log = logging.getLogger("ashd.pdm")
GREETING = b"+PDM1\n"
PROTOCOLS = ("repl", "perf")
_CHOICE = re.compile(r"(?:@([^ ]*) )?(repl|perf)\r*")
"""What a client answers to the greeting: `[@WORKER ]PROTOCOL`."""


class Server:
    """The connections that come over `sockets`. All methods may be called from any thread.

    `take(server, sock)` waits for the next one, starts it, and returns False (or raises OSError)
    when no more will come.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        take: Callable[[Server, socket.socket], bool],
        limits: Limits,
        *,
        name: str,
        workers: Workers | None = None,
    ) -> None:
        self._sockets = sockets
        self._take = take
        self._limits = limits
        self._workers = workers
        self._lock = threading.Lock()  # for _open and _closed
        self._open: dict[threading.Thread, Stream] = {}
        self._closed = False
        self._takers: list[threading.Thread] = []
        forget_after_fork(self)
        try:
            for sock in sockets:
                sock.setblocking(True)
                sock.set_inheritable(False)  # or a child of it keeps the server's address alive
                taker = threading.Thread(target=self._take_all, args=[sock], name=name, daemon=True)
                taker.start()
                self._takers.append(taker)
        except RuntimeError as exc:
            self.close()
            raise ListenError("can't start a thread for the debug socket") from exc

    def _take_all(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            while not self._closed and self._take(self, sock):
                pass

    def start(self, sock: socket.socket, protocol: str | None = None, data: bytes = b"") -> None:
        """Serve a connection in a thread of its own.

        With `protocol` the client was greeted already, and `data` is what it has sent since.
        """
        stream = Stream(sock, send_timeout=self._limits.send_timeout, data=data)
        thread = threading.Thread(
            target=self._serve, args=(stream, protocol), name="ashd-pdm-client", daemon=True
        )
        with self._lock, suppress(RuntimeError):  # can't start a thread
            if not self._closed and len(self._open) < self._limits.connections:
                thread.start()
                self._open[thread] = stream
                return
        with suppress(PdmError):
            stream.send(b"-ERR too many connections\n")
        stream.close()

    def _serve(self, stream: Stream, protocol: str | None) -> None:
        try:
            chosen = protocol or self._greet(stream)
            if chosen == "repl":
                ReplConnection(stream, self._limits).serve()
            elif chosen == "perf":
                bind = self._workers.bind if self._workers else find_object
                PerfConnection(stream, self._limits, bind).serve()
        except PdmError as exc:
            _log.debug("a debug connection ended: %s", exc)
        except Exception:
            _log.exception("a debug connection failed")
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)
            stream.close()

    def _greet(self, stream: Stream) -> str | None:
        """Return the protocol that this process is to serve; None when there is none."""
        stream.send(GREETING)
        line = stream.read_line(self._limits.line, self._limits.greeting_timeout)
        if line is None:
            return None
        try:
            return self._choose(stream, line.decode("ascii", "replace"))
        except PdmError as exc:
            stream.send(f"-ERR {exc}\n".encode())
            return None

    def _choose(self, stream: Stream, line: str) -> str | None:
        chosen = _CHOICE.fullmatch(line)
        if chosen is None:
            raise PdmError("no such protocol; there are: repl, perf")
        worker, protocol = chosen.groups()
        workers = self._workers
        if workers is None and worker is not None:
            raise PdmError("this server has no worker processes")
        if workers and workers.hand_over(worker, protocol, stream.socket, stream.pending):
            return None
        return str(protocol)

    def close(self, seconds: float = CLOSE_TIMEOUT) -> None:
        """End all connections, and wait `seconds` for their threads. May be called twice."""
        with self._lock:
            self._closed = True
            running = dict(self._open)
        for sock in self._sockets:
            with suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        for taker in self._takers:
            taker.join()
        for sock in self._sockets:  # those that have no thread
            sock.close()
        for stream in running.values():
            stream.abort()
        end = time.monotonic() + seconds
        for thread in running.keys() - {threading.current_thread()}:
            thread.join(max(0.0, end - time.monotonic()))

    def forget(self) -> None:
        """Implement `Owner`."""
        self._lock = threading.Lock()
        self._closed = True
        for sock in self._sockets:
            sock.close()
        for stream in self._open.values():
            stream.close()
        self._open.clear()
