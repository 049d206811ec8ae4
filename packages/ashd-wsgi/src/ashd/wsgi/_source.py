"""Requests from standard input, as tasks for a model.

The model's leader is the only thread in `receive`. `stop` may be called anywhere, even in signal
handlers. The source borrows the socket and owns the pipe that wakes it.
"""

from __future__ import annotations

import logging
import os
import select
import socket
from collections.abc import Callable
from typing import Protocol

from ashd.proto import ProtocolError, Receiver, Request

from ._exchange import Exchange

logger = logging.getLogger("ashd.wsgi")


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int: ...


_LOST_WAKE = 1.0
"""Seconds after which an idle worker looks at the socket by itself. The kernel wakes one of several
workers for a request; if that one is just about to leave, the others don't hear of it."""


class RequestSource:
    """Receives requests from an ashd handler socket."""

    def __init__(
        self,
        sock: socket.socket,
        admit: Callable[[Request], Exchange | None],
        *,
        timestamps: bool = False,
        parent: HasFileno | None = None,
        on_parents_end: Callable[[], object] = lambda: None,
    ) -> None:
        """Receive from `sock`; `admit` makes an exchange of a request, or deals with it (None).

        With `parent`, the socket is shared with other processes, and the source stops when that
        descriptor tells that the parent process is gone; `on_parents_end` is called then.
        """
        self._receive = Receiver(sock, timestamps=timestamps).receive
        self._socket = sock
        self._admit = admit
        self._on_parents_end = on_parents_end
        self._stopped = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._wait = self._prepare_to_wait(parent)

    def _prepare_to_wait(self, parent: HasFileno | None) -> Callable[[], object]:
        """Return what waits until there may be something to receive, or the source is stopped."""
        if parent is None or not hasattr(select, "epoll"):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(self._wake_read, select.POLLIN)

            def wait_for_one() -> None:
                if any(fd == self._wake_read for fd, _ in poll.poll()):
                    self._take_wake()

            return wait_for_one
        epoll = select.epoll()
        epoll.register(self._socket, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        epoll.register(self._wake_read, select.EPOLLIN)
        epoll.register(parent, select.EPOLLIN)

        def wait() -> None:
            ready = {fd for fd, _ in epoll.poll(_LOST_WAKE)}
            if parent.fileno() in ready:
                self._stopped = True
                self._on_parents_end()
            if self._wake_read in ready:
                self._take_wake()

        return wait

    def _take_wake(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def wake_fileno(self) -> int:
        """Return a descriptor for `signal.set_wakeup_fd`: a byte there interrupts `receive`."""
        return self._wake_write

    def receive(self) -> Exchange | None:
        """Wait for a request; None after `stop` or at end-of-file."""
        while not self._stopped:
            try:
                request = self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait()
            except ProtocolError as error:
                logger.warning("refused a request: %s", error)
            else:
                if request is None:
                    self._stopped = True
                elif (exchange := self._admit(request)) is not None:
                    return exchange
        return None

    def pending(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a request, without receiving it.

        False after `stop` and at end-of-file, which makes a socket readable, too.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if self._stopped or not poll.poll(timeout * 1000):
            return False
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:  # another process has received it
            return False

    def stop(self) -> None:
        """Receive nothing more."""
        self._stopped = True
        if self._wake_write >= 0:
            try:
                os.write(self._wake_write, b"x")
            except BlockingIOError:
                pass

    def close(self) -> None:
        """Release what the source owns; the socket stays open. A late signal may still `stop`."""
        wake_read, self._wake_read = self._wake_read, -1
        wake_write, self._wake_write = self._wake_write, -1
        os.close(wake_read)
        os.close(wake_write)
