"""Accepts connections. Each listener has one thread for that, which does nothing else.

A listener owns its sockets and the file of a Unix socket. In a process that is forked off they are
closed, and the file is left alone: it belongs to the process that made it.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import select
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from .._errors import ListenError
from .._limits import Limits
from .._peer import Admission, peer_of
from ._output import forget_after_fork
from ._server import Server
from ._sockets import Opened, open_tcp, open_unix
from ._spec import TcpSpec, UnixSpec, parse_spec

if TYPE_CHECKING:
    from types import TracebackType

    from ._workers import Workers

_log = logging.getLogger("ashd.pdm")
SCARCE_PAUSE = 0.5
"""Seconds until the next try when the process is out of descriptors."""
_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """A debug socket that is open. Use `close`, or `with`; else it is closed when the process
    exits.
    """

    def __init__(self, opened: Opened, server: Server) -> None:
        self._opened = opened
        self._server = server
        self._lock = threading.Lock()  # for _is_closed
        self._is_closed = False
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._accept_all, name="ashd-pdm-accept", daemon=True
        )
        _listeners.add(self)
        try:
            self._thread.start()
        except RuntimeError as exc:
            self._release()
            raise ListenError("can't start a thread for the debug socket") from exc

    @property
    def addresses(self) -> list[object]:
        """The path of a Unix socket, or (address, port, ...) for each TCP socket."""
        if self._opened.file is not None:
            return [self._opened.file.path]
        return [sock.getsockname() for sock in self._opened.sockets]

    def __enter__(self) -> Listener:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Remove the file, end all connections and their threads. May be called twice, from any
        thread.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        if self._opened.file is not None:
            self._opened.file.remove()
        self._wake.close()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._server.close()
        self._release()

    def _release(self) -> None:
        _listeners.discard(self)
        for sock in (*self._opened.sockets, self._wake, self._woken):
            sock.close()

    def _after_fork(self) -> None:
        self._is_closed = True
        self._server.forget_after_fork()
        self._release()

    def _accept_all(self) -> None:
        poller = select.poll()
        sockets = {sock.fileno(): sock for sock in self._opened.sockets}
        for descriptor in (*sockets, self._woken.fileno()):
            poller.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poller.poll():
                if descriptor not in sockets:
                    return
                self._accept(sockets[descriptor])

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError as exc:  # gone again before it was accepted, as a rule
            if exc.errno in _SCARCE:
                _log.warning("can't accept a debug connection: %s", exc.strerror)
                time.sleep(SCARCE_PAUSE)
            return
        try:
            admitted = is_admitted(sock, self._opened.admission)
        except OSError:
            admitted = False
        if admitted:
            self._server.start(sock)
        else:
            with suppress(OSError):
                sock.send(b"-ERR you are not allowed to use this socket\n", socket.MSG_DONTWAIT)
            sock.close()


def is_admitted(sock: socket.socket, rule: Admission | None) -> bool:
    """Whether the rule lets the other end in. TCP has no rule."""
    if rule is None:
        return True
    peer = peer_of(sock)
    if peer is None or rule.admits(peer):
        return True
    _log.warning("refused a debug connection of user %d, process %d", peer.uid, peer.pid)
    return False


def listen(
    spec: str | UnixSpec | TcpSpec, *, limits: Limits | None = None, workers: Workers | None = None
) -> Listener:
    """Open a debug socket in this process.

    `spec` is `PATH[:MODE[:GROUP]]`, with a `/` in PATH, or `ADDRESS:PORT` with a loopback address.
    `SpecError` when it is neither, `ListenError` when the socket can't be opened. Threads of the
    server are daemon threads.

    With `workers`, connections go to worker processes as well; see `Workers`.
    """
    parsed = parse_spec(spec) if isinstance(spec, str) else spec
    chosen = limits or Limits()
    if workers is None:  # noqa: SIM108
        server = Server(chosen)
    else:
        server = Server(chosen, workers.bind, workers)
    opened = open_unix(parsed) if isinstance(parsed, UnixSpec) else open_tcp(parsed)
    for sock in opened.sockets:
        sock.setblocking(False)  # a client may be gone again between poll and accept
    return Listener(opened, server)


_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()


def _at_exit() -> None:
    for listener in list(_listeners):
        if listener._opened.file is not None:
            listener._opened.file.remove()


def _after_fork() -> None:
    forget_after_fork()
    for listener in list(_listeners):
        listener._after_fork()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_after_fork)
