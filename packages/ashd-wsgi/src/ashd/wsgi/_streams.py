"""Clients' byte streams that applications have taken over, and what ends them.

The application owns each socket. It is remembered here as long as it exists, so that a process that
stops can say so to whoever waits for the client. Any thread may use this module.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from weakref import WeakSet

_lock = threading.RLock()
"""Guards all below, and descriptors from being closed while they are shut down. A signal handler
may interrupt the thread that holds it."""

_open: WeakSet[Stream] = WeakSet()
_ending = False


class Stream(socket.socket):
    """A socket that `end_streams` knows."""

    def close(self) -> None:
        """See `socket.socket.close`."""
        with _lock:
            super().close()

    def detach(self) -> int:
        """See `socket.socket.detach`."""
        with _lock:
            return super().detach()

    def end(self, how: int) -> None:
        """Shut the stream down, if it is still open: `how` is one of `socket.SHUT_*`."""
        with _lock, suppress(OSError):
            self.shutdown(how)


def stream_pair() -> tuple[Stream, socket.socket]:
    """Return the two ends of a stream, for an application and a front end. Raises OSError."""
    ours, theirs = socket.socketpair()
    stream = Stream(ours.family, ours.type, ours.proto, ours.detach())
    with _lock:
        _open.add(stream)
        if _ending:
            stream.end(socket.SHUT_RD)
    return stream, theirs


def end_streams() -> None:
    """Let all streams, and those to come, read as if their clients had sent all they had to send.

    The application can still send; a WebSocket is closed with a last message. It may be called in a
    signal handler.
    """
    global _ending  # noqa: PLW0603 - it is the process that ends
    with _lock:
        _ending = True
        for stream in list(_open):
            stream.end(socket.SHUT_RD)
