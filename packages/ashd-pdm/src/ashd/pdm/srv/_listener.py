"""Where connections come from: clients (`listen`), or a parent that hands them over (`attach`)."""

from __future__ import annotations

import errno
import logging
import select
import socket
import time
import weakref
from contextlib import suppress
from functools import partial

from .._limits import Limits
from .._peer import Admission, peer_of
from .._stream import wait_for
from ._server import PROTOCOLS, Server
from ._sockets import Opened, open_tcp, open_unix
from ._spec import TcpSpec, UnixSpec, parse_spec
from ._workers import MAX_HANDED, Workers

_log = logging.getLogger("ashd.pdm")
SCARCE_PAUSE = 0.5
"""Seconds until the next try when the process is out of descriptors."""

_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """A debug socket that is open. Use `close`, or `with`; else it is closed when the process
    exits.

    It owns its sockets and the file of a Unix socket. In a process that is forked off the sockets
    are closed, and the file is left alone.
    """

    def __init__(self, opened: Opened, limits: Limits, workers: Workers | None) -> None:
        self.addresses: list[object] = opened.addresses
        """The path of a Unix socket, or (address, port, ...) for each TCP socket."""
        take = partial(_accept, opened.admission)
        try:
            self._server = Server(
                opened.sockets, take, limits, name="ashd-pdm-accept", workers=workers
            )
        except BaseException:
            opened.remove_file()
            raise
        self._remove_file = weakref.finalize(self._server, opened.remove_file)

    def __enter__(self) -> Listener:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Remove the file, and end all connections. May be called twice, from any thread."""
        self._remove_file()
        self._server.close()


def _accept(rule: Admission | None, server: Server, listening: socket.socket) -> bool:
    """Take a client that the rule lets in. TCP has no rule."""
    try:
        sock, _ = listening.accept()
    except OSError as exc:  # gone again before it was accepted, as a rule
        if exc.errno in _SCARCE:
            wait_for(listening.fileno(), select.POLLIN, None)  # accept() didn't wait for a client
            _log.warning("can't accept a debug connection: %s", exc.strerror)
            time.sleep(SCARCE_PAUSE)
        return exc.errno != errno.EINVAL  # shut down
    peer = None if rule is None else peer_of(sock)
    if rule is None or peer is None or rule.admits(peer):
        server.start(sock)
        return True
    _log.warning("refused a debug connection of user %d, process %d", peer.uid, peer.pid)
    with sock, suppress(OSError):
        sock.send(b"-ERR you are not allowed to use this socket\n", socket.MSG_DONTWAIT)
    return True


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
    limits = limits or Limits()
    if isinstance(parsed, UnixSpec):
        return Listener(open_unix(parsed, limits.lock_timeout), limits, workers)
    return Listener(open_tcp(parsed), limits, workers)


class Attachment:
    """A worker's side: serves the connections that its parent hands over, until the parent ends or
    `close` is called.

    Owns its end of the channel. Its thread is a daemon thread.
    """

    def __init__(self, end: socket.socket, limits: Limits) -> None:
        self._server = Server([end], _receive, limits, name="ashd-pdm-worker")

    def close(self) -> None:
        """End all connections and their threads."""
        self._server.close()


def _receive(server: Server, end: socket.socket) -> bool:
    flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    message, descriptors, _, _ = socket.recv_fds(end, MAX_HANDED, 1, flags)
    name, _, data = message.partition(b"\n")
    for descriptor in descriptors:
        sock = socket.socket(fileno=descriptor)
        if (protocol := name.decode("ascii", "replace")) in PROTOCOLS:
            server.start(sock, protocol, data)
        else:
            sock.close()
    return bool(message)


def attach(end: socket.socket | int, *, limits: Limits | None = None) -> Attachment:
    """In a worker: take over `end` (or its number), and serve what comes over it."""
    sock = socket.socket(fileno=end) if isinstance(end, int) else end
    return Attachment(sock, limits or Limits())
