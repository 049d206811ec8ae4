"""One debug socket for several worker processes.

The process that listens (the parent of the workers, as a rule) has a `Workers`, and one end of a
socket pair for each worker; the worker serves the other end with `attach`. An accepted connection
is handed to a worker by passing its descriptor (SCM_RIGHTS), with what was read from it so far;
from then on the worker alone has to do with it, and there is no copying.

Which process serves a connection is chosen in the line that names the protocol:

| line | served by |
| --- | --- |
| `repl` | the first worker that still runs; the listening process when there is none |
| `@NAME repl`, `@NAME perf` | that worker |
| `@parent repl` | the listening process |
| `perf` | the listening process |

The object `pdm.perf.workers` of the listening process says which workers there are; a client that
shows all of them connects to each (`ashd.pdm.cli.open_perf`).
"""

from __future__ import annotations

import array
import os
import select
import socket
import threading
import weakref
from contextlib import suppress
from typing import Any

from .. import perf
from .._errors import PdmError
from .._limits import Limits
from .._stream import wait_for
from ..perf._workers import PARENT, WorkersObject
from ._binding import bind_local
from ._server import PROTOCOLS, Server

MAX_HANDED = 1 << 17
"""Bytes that come with a connection: its protocol, and what the client has sent already."""

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def channel() -> tuple[socket.socket, socket.socket]:
    """Return a pair of sockets: one for `Workers.add`, the other for `attach` in the worker.

    Make it before the worker is started; each process closes the end that it doesn't use. For a
    worker that is started by executing a program, pass its end's descriptor on (`pass_fds`), and
    attach to the number.
    """
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Workers:
    """The workers of a listening process. It has no thread; all methods may be called from any
    thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for _channels
        self._channels: dict[str, socket.socket] = {}
        self._object = _Object(self)
        _all_workers.add(self)

    def add(self, name: str, end: socket.socket) -> None:
        """Add a worker under a name without spaces, `1` say. Takes over the socket. ValueError for
        a bad name.
        """
        if (
            not name
            or name == PARENT
            or not name.isascii()
            or not name.isprintable()
            or set(name) & set(" /@")
        ):
            raise ValueError(f"{name!r} can't be the name of a worker")
        end.setblocking(False)
        end.set_inheritable(False)
        with self._lock:
            old = self._channels.pop(name, None)
            self._channels[name] = end
        if old is not None:
            old.close()
        self._object.notify(name)

    def remove(self, name: str) -> None:
        """Forget a worker. One whose process has ended is forgotten without this. Unknown names are
        fine.
        """
        with self._lock:
            end = self._channels.pop(name, None)
        if end is not None:
            end.close()

    def names(self) -> list[str]:
        """Return the workers that run, in the order in which they were added."""
        with self._lock:
            known = list(self._channels.items())
        gone = [
            name for name, end in known if end.fileno() < 0 or wait_for(end.fileno(), 0, 0) & _GONE
        ]
        for name in gone:
            self.remove(name)
        return [name for name, _ in known if name not in gone]

    def close(self) -> None:
        """Forget all workers. They go on without a debug socket."""
        for name in self.names():
            self.remove(name)

    def hand_over(
        self, worker: str | None, protocol: str, sock: socket.socket, data: bytes
    ) -> bool:
        """Implement `Switch`: pass the connection to a worker. False when this process is to serve
        it itself.
        """
        if worker is None:
            names = self.names() if protocol == "repl" else []
            if not names:
                return False
            worker = names[0]
        if worker == PARENT:
            return False
        self.send(worker, protocol, sock, data)
        return True

    def send(self, worker: str, protocol: str, sock: socket.socket, data: bytes = b"") -> None:
        """Pass a socket to a worker, to serve `protocol` on it; the caller closes its copy."""
        message = b"%s\n%s" % (protocol.encode(), data)
        passed = array.array("i", [sock.fileno()])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)]
        with self._lock:
            end = self._channels.get(worker)
            if end is None:
                known = ", ".join([*self._channels, PARENT])
                raise PdmError(f"there is no worker {worker[:60]!r}; there are: {known}")
            try:
                end.sendmsg([message], rights)
            except BlockingIOError as exc:
                raise PdmError(f"worker {worker} takes no connections; it seems to hang") from exc
            except OSError as exc:
                raise PdmError(f"worker {worker} is gone") from exc

    def bind(self, module: str, name: str) -> Any:
        """Implement `Binder`: the objects of the listening process."""
        found = bind_local(module, name)
        return self._object if found is perf.workers else found

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        for end in self._channels.values():
            end.close()
        self._channels.clear()


class _Object(WorkersObject):
    """`pdm.perf.workers` of a listening process."""

    def __init__(self, workers: Workers) -> None:
        super().__init__()
        self._workers = workers

    def listdir(self) -> list[str]:
        return [*self._workers.names(), PARENT]

    def lookup(self, name: str) -> Any:
        if name == PARENT:
            return perf.objects
        raise KeyError(name)


class Attachment:
    """A worker's side: serves the connections that its parent hands over, until the parent ends or
    `close` is called.

    Owns its end of the channel. Its thread is a daemon thread.
    """

    def __init__(self, end: socket.socket, limits: Limits) -> None:
        end.setblocking(True)
        end.set_inheritable(False)  # or the worker seems to live as long as a child of it does
        self._end = end
        self._server = Server(limits)
        _attachments.add(self)
        self._thread = threading.Thread(
            target=self._receive_all, name="ashd-pdm-worker", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End all connections and their threads."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._server.close()

    def _receive_all(self) -> None:
        while (received := self._receive()) is not None:
            sock, message = received
            protocol, _, data = message.partition(b"\n")
            if sock is not None and protocol.decode() in PROTOCOLS:
                self._server.start(sock, protocol.decode(), data)
            elif sock is not None:
                sock.close()
        self._end.close()

    def _receive(self) -> tuple[socket.socket | None, bytes] | None:
        try:
            message, descriptors, _, _ = socket.recv_fds(
                self._end, MAX_HANDED, 1, getattr(socket, "MSG_CMSG_CLOEXEC", 0)
            )
        except OSError:
            return None
        if not message:
            return None
        return (socket.socket(fileno=descriptors[0]) if descriptors else None), message

    def _after_fork(self) -> None:
        self._server.forget_after_fork()
        self._end.close()


def attach(end: socket.socket | int, *, limits: Limits | None = None) -> Attachment:
    """In a worker: serve the connections that come over `end`, of which this takes possession (a
    number, too).
    """
    sock = socket.socket(fileno=end) if isinstance(end, int) else end
    return Attachment(sock, limits or Limits())


_all_workers: weakref.WeakSet[Workers] = weakref.WeakSet()
_attachments: weakref.WeakSet[Attachment] = weakref.WeakSet()


def _after_fork() -> None:
    for workers in list(_all_workers):
        workers._after_fork()
    for attachment in list(_attachments):
        attachment._after_fork()
    _attachments.clear()


os.register_at_fork(after_in_child=_after_fork)
