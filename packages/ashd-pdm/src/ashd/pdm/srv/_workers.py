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

import socket
import threading

from .. import perf
from .._errors import PdmError
from .._stream import GONE, wait_for
from ..perf._registry import find_object
from ..perf._workers import PARENT, WorkersObject
from ._fork import forget_after_fork

MAX_HANDED = 1 << 17
"""Bytes that come with a connection: its protocol, and what the client has sent already."""


def channel() -> tuple[socket.socket, socket.socket]:
    """Return a pair of sockets: one for `Workers.add`, the other for `attach` in the worker.

    Make it before the worker is started; each process closes the end that it doesn't use. For a
    worker that is started by executing a program, pass its end's descriptor on (`pass_fds`), and
    attach to the number.
    """
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Workers:
    """The workers of a listening process. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for _channels
        self._channels: dict[str, socket.socket] = {}
        self._object = WorkersObject(lambda: [*self.names(), PARENT])
        forget_after_fork(self)

    def add(self, name: str, end: socket.socket) -> None:
        """Add a worker, and take over the socket. ValueError for a name with spaces, `/` or `@`."""
        is_plain = name.isascii() and name.isprintable() and not set(name) & set(" /@")
        if not name or name == PARENT or not is_plain:
            raise ValueError(f"{name!r} can't be the name of a worker")
        end.setblocking(False)
        end.set_inheritable(False)
        with self._lock:
            old, self._channels[name] = self._channels.pop(name, None), end
        if old is not None:
            old.close()
        self._object.notify(name)

    def remove(self, name: str) -> None:
        """Forget a worker, if there is one. One that has ended is forgotten without this."""
        with self._lock:
            if name in self._channels:
                self._channels.pop(name).close()

    def names(self) -> list[str]:
        """Return the workers that run, in the order in which they were added."""
        with self._lock:
            for name, end in list(self._channels.items()):
                if wait_for(end.fileno(), 0, 0) & GONE:
                    self._channels.pop(name).close()
            return list(self._channels)

    def close(self) -> None:
        """Forget all workers. They go on without a debug socket."""
        with self._lock:
            for end in self._channels.values():
                end.close()
            self._channels.clear()

    def hand_over(
        self, worker: str | None, protocol: str, sock: socket.socket, data: bytes
    ) -> bool:
        """Pass a connection to the worker that its client chose; False if it chose this process."""
        if worker is None:
            names = self.names() if protocol == "repl" else []
            worker = names[0] if names else PARENT
        if worker == PARENT:
            return False
        self.send(worker, protocol, sock, data)
        return True

    def send(self, worker: str, protocol: str, sock: socket.socket, data: bytes = b"") -> None:
        """Pass a socket to a worker, to serve `protocol` on it; the caller closes its copy."""
        message = b"%s\n%s" % (protocol.encode(), data)
        with self._lock:
            end = self._channels.get(worker)
            if end is None:
                known = ", ".join([*self._channels, PARENT])
                raise PdmError(f"there is no worker {worker[:60]!r}; there are: {known}")
            try:
                socket.send_fds(end, [message], [sock.fileno()])
            except BlockingIOError as exc:
                raise PdmError(f"worker {worker} takes no connections; it seems to hang") from exc
            except OSError as exc:
                raise PdmError(f"worker {worker} is gone") from exc

    def bind(self, module: str, name: str) -> object:
        """Find an object as `find_object` does; `pdm.perf.workers` is that of these workers."""
        found = find_object(module, name)
        return self._object if found is perf.workers else found

    def forget(self) -> None:
        """Implement `Owner`."""
        self._lock = threading.Lock()
        self.close()
