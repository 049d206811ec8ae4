"""The root handler: its process, its socket, and the requests that wait until it takes them.

Called in the event loop's thread; `start` before there is a loop. A `RootHandler` owns the front
end's end of the handler's socket, and reaps the process.
"""

from __future__ import annotations

import array
import errno
import os
import select
import socket
import subprocess
from _socket import socketpair as raw_socketpair
from collections import deque
from collections.abc import Callable

from ._errors import StartError
from ._exchange import Exchange
from ._poller import Poller

# socket.socketpair() wraps these in a class of its own, at the cost of two system calls and several
# microseconds a request; nothing of that class is needed here.
_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


class RootHandler:
    """A running root handler. Create it with `start`, then `attach` it to an event loop."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        """Own the process and the front end's end of its socket."""
        self._process = process
        self._sock: socket.socket | None = sock
        self._waiting: deque[Exchange] = deque()
        self._poller: Poller | None = None
        self._pidfd = -1
        self._on_gone: Callable[[], None] = _nothing

    @classmethod
    def start(cls, argv: list[str]) -> RootHandler:
        """Start the program in a session of its own; raises `StartError`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {name: value for name, value in os.environ.items() if name != "ASHD_USESYSLOG"}
        try:
            process = subprocess.Popen(
                argv, stdin=theirs.fileno(), start_new_session=True, env=environ
            )
        except (OSError, ValueError) as error:
            ours.close()
            reason = getattr(error, "strerror", None) or error
            raise StartError(f"can't start the root handler {argv[0]!r}: {reason}") from error
        finally:
            theirs.close()
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """What the process ended with (negative: the signal), or None while it runs."""
        return self._process.poll()

    def attach(self, poller: Poller, on_gone: Callable[[], None]) -> None:
        """Watch process and socket; `on_gone` is called, perhaps repeatedly, when either ended."""
        self._poller = poller
        self._on_gone = on_gone
        assert self._sock is not None
        poller.add(self._sock.fileno(), 0, self._socket_ready)
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return  # then it's found by the sweep
        poller.add(self._pidfd, select.EPOLLIN | select.EPOLLONESHOT, lambda _: on_gone())

    def submit(self, exchange: Exchange, expires: float) -> None:
        """Hand a request to the handler, or keep it until the handler takes it or it expires."""
        if self._sock is None:
            exchange.fail(503, "The server is shutting down.")
        elif self._waiting or not self._send(self._sock, exchange):
            exchange.expires = expires
            self._waiting.append(exchange)

    def sweep(self, now: float) -> None:
        """Give up on requests that waited too long; try the others again."""
        while self._waiting and (not self._waiting[0].waiting or now >= self._waiting[0].expires):
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, "The server is overloaded.")
        if self._waiting:
            self._socket_ready(select.EPOLLOUT)

    def close(self) -> None:
        """Tell the handler to finish, by end-of-file; requests that wait are answered with 503."""
        if self._sock is None:
            return
        sock, self._sock = self._sock, None
        if self._poller is not None:
            self._poller.forget(sock.fileno())
        sock.close()
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, "The server is shutting down.")

    def release(self) -> None:
        """Close what `attach` opened."""
        if self._pidfd >= 0:
            if self._poller is not None:
                self._poller.forget(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _socket_ready(self, events: int) -> None:
        if events & (select.EPOLLHUP | select.EPOLLERR):
            self._on_gone()
        while self._waiting and self._sock is not None:
            if self._waiting[0].waiting and not self._send(self._sock, self._waiting[0]):
                return
            self._waiting.popleft()
        self._watch(0)

    def _watch(self, events: int) -> None:
        if self._sock is not None and self._poller is not None:
            self._poller.modify(self._sock.fileno(), events)

    def _send(self, sock: socket.socket, exchange: Exchange) -> bool:
        """Send a request with its response socket; False when it has to wait."""
        try:
            ours, theirs = raw_socketpair()
        except OSError:
            self._watch(0)  # out of descriptors: the sweep tries again
            return False
        try:
            rights = array.array("i", [theirs.fileno()])
            sock.sendmsg([exchange.datagram], [(*_RIGHTS, rights)], socket.MSG_DONTWAIT)
        except OSError as error:
            ours.close()
            return self._not_sent(exchange, error)
        finally:
            theirs.close()
        exchange.connect(ours)
        return True

    def _not_sent(self, exchange: Exchange, error: OSError) -> bool:
        """Return whether the request is done with; it may wait for anything that can pass.

        Waiting for room in the queue is left to the poller; the rest (no memory, too many
        descriptors in flight, a handler that is gone) isn't seen there, and is left to the sweep.
        """
        if error.errno == errno.EMSGSIZE:
            exchange.fail(431, "The request head is too large for the handler's socket.")
            return True
        self._watch(select.EPOLLOUT if isinstance(error, BlockingIOError) else 0)
        return False


def _nothing() -> None:
    pass
