"""Serves connections: greets, finds out the protocol, and runs it.

One thread takes connections from the sockets of the server, and each connection has a thread of its
own. The server owns all of these sockets.
"""

from __future__ import annotations

import logging
import re
import select
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

    `take(server, sock)` is called when a socket has something: it starts connections, and returns
    False when no more will come.
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
        for sock in sockets:
            sock.setblocking(False)  # what came may be gone again
            sock.set_inheritable(False)  # or the server seems to live as long as a child of it does
        self._thread = threading.Thread(target=self._take_all, name=name, daemon=True)
        forget_after_fork(self)
        try:
            self._thread.start()
        except RuntimeError as exc:
            self.forget()
            raise ListenError("can't start a thread for the debug socket") from exc

    def _take_all(self) -> None:
        sockets = {sock.fileno(): sock for sock in self._sockets}
        poller = select.poll()
        for descriptor in sockets:
            poller.register(descriptor, select.POLLIN)
        try:
            while not self._closed:
                for descriptor, _ in poller.poll():
                    if not self._take(self, sockets[descriptor]):
                        return
        finally:
            for sock in self._sockets:
                sock.close()

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
            self._leave(thread)
        with suppress(PdmError):
            stream.send(b"-ERR too many connections\n")
        stream.close()

    def _leave(self, thread: threading.Thread) -> None:
        with self._lock:
            self._open.pop(thread, None)

    def _serve(self, stream: Stream, protocol: str | None) -> None:
        try:
            self._run(stream, protocol or self._greet(stream))
        except PdmError as exc:
            _log.debug("a debug connection ended: %s", exc)
        except Exception:
            _log.exception("a debug connection failed")
        finally:
            self._leave(threading.current_thread())
            stream.close()

    def _run(self, stream: Stream, protocol: str | None) -> None:
        if protocol == "repl":
            ReplConnection(stream, self._limits).serve()
        elif protocol == "perf":
            bind = self._workers.bind if self._workers else find_object
            PerfConnection(stream, self._limits, bind).serve()

    def _greet(self, stream: Stream) -> str | None:
        """Return the protocol that this process is to serve; None when there is none."""
        stream.send(GREETING)
        line = stream.read_line(self._limits.line, self._limits.greeting_timeout)
        if line is None:
            return None
        chosen = _CHOICE.fullmatch(line.decode("ascii", "replace"))
        if chosen is None:
            stream.send(b"-ERR no such protocol; there are: repl, perf\n")
            return None
        worker: str | None = chosen[1]
        protocol: str = chosen[2]
        try:
            return None if self._hand_over(stream, worker, protocol) else protocol
        except PdmError as exc:
            stream.send(f"-ERR {exc}\n".encode())
            return None

    def _hand_over(self, stream: Stream, worker: str | None, protocol: str) -> bool:
        if self._workers is not None:
            return self._workers.hand_over(worker, protocol, stream.socket, stream.pending)
        if worker is not None:
            raise PdmError("this server has no worker processes")
        return False

    def close(self, seconds: float = CLOSE_TIMEOUT) -> None:
        """End all connections, and wait `seconds` for their threads. May be called twice."""
        with self._lock:
            self._closed = True
            running = dict(self._open)
        for sock in self._sockets:
            with suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        self._thread.join()
        for stream in running.values():
            stream.abort()
        end = time.monotonic() + seconds
        for thread in running:
            if thread is not threading.current_thread():
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
