"""What a worker process and its parent say to each other, from the worker's side.

A worker is this program once more, with the handler socket as standard input and a control socket,
whose descriptor is in the environment. It tells its parent when it is ready to receive and when it
is about to leave; its parent's end closes when the parent is gone.
"""

from __future__ import annotations

import os
import socket

from ._board import Place

VARIABLE = "ASHD_WORKER_FD"
PLACE_VARIABLE = "ASHD_WORKER_PLACE"
"""Descriptor and number, with a colon between them."""

READY = b"R"
LEAVING = b"L"


class Worker:
    """The control socket of this process. Any thread may use it."""

    def __init__(self, sock: socket.socket, place: Place | None = None) -> None:
        """Own `sock`."""
        self._socket = sock
        self.place = place
        self._left = False

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the parent is gone."""
        return self._socket.fileno()

    def ready(self) -> None:
        """Tell the parent that requests are received from now on."""
        self._tell(READY)

    def leave(self) -> None:
        """Tell the parent to put another worker in this one's place."""
        if not self._left:
            self._left = True
            self._tell(LEAVING)

    def close(self) -> None:
        """Close the socket, in a process that is no worker: one that the application forked."""
        self._left = True
        self._socket.close()

    def _tell(self, word: bytes) -> None:
        try:
            self._socket.send(word)
        except OSError:  # the parent is gone; the source finds that out by itself
            pass


def this_worker() -> Worker | None:
    """Return this process' control socket, if it was started as a worker; to be called once.

    The variables are taken out of the environment: programs that the application starts are no
    workers.
    """
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    sock = socket.socket(fileno=int(text))
    sock.set_inheritable(False)
    return Worker(sock, _this_place())


def _this_place() -> Place | None:
    fd, _, number = os.environ.pop(PLACE_VARIABLE, "").partition(":")
    if not number:
        return None
    try:
        return Place(int(fd), int(number))
    finally:
        os.close(int(fd))
