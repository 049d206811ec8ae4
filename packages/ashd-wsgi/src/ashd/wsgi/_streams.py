"""What may go on for ever, and what ends it: streams of clients that applications have taken over.

The application owns each socket. It is remembered here as long as it exists, so that a process that
stops can say so to whoever waits for the client. Any thread may use this module.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

_lock = threading.RLock()
"""Guards all below, and descriptors from being closed while they are shut down. A signal handler
may interrupt the thread that holds it."""

_open: WeakSet[Endless] = WeakSet()
_ending = False


class Endless(Protocol):
    """What would go on although the process stops."""

    def end(self) -> None:
        """Tell the application that there is nothing to wait for."""
        ...


class Stream(socket.socket):
    """A socket that `end_streams` knows."""

    def close(self) -> None:
        """See `socket.socket.close`."""
        if sys.is_finalizing():  # a thread that was ended may hold the lock for ever
            super().close()
            return
        with _lock:
            super().close()

    def detach(self) -> int:
        """See `socket.socket.detach`."""
        with _lock:
            return super().detach()

    def end(self, how: int = socket.SHUT_RD) -> None:
        """Shut the stream down, if it is still open: `how` is one of `socket.SHUT_*`.

        By default it reads as if the client had sent all it had to send; the application can still
        send, for example the last message of a WebSocket.
        """
        with _lock, suppress(OSError):
            self.shutdown(how)


def stream_pair() -> tuple[Stream, socket.socket]:
    """Return the two ends of a stream, for an application and a front end. Raises OSError."""
    ours, theirs = socket.socketpair()
    stream = Stream(ours.family, ours.type, ours.proto, ours.detach())
    remember(stream)
    return stream, theirs


def remember(endless: Endless) -> None:
    """End it when the process stops, or now if that was before."""
    with _lock:
        _open.add(endless)
        if _ending:
            endless.end()


def end_streams() -> None:
    """End all that is remembered, and what comes. It may be called in a signal handler."""
    global _ending  # noqa: PLW0603 - it is the process that ends
    with _lock:
        _ending = True
        for endless in list(_open):
            endless.end()
