"""The descriptor by which a handler takes a client's bytes over: it comes with the response's head.

Only a request that asks for another protocol is answered so (RFC 9110, 7.8). The responses to all
others are read without room for descriptors; the kernel closes what comes with them.
"""

from __future__ import annotations

import array
import os
import socket

from ._response import ResponseFramer

_ROOM = socket.CMSG_LEN(array.array("i").itemsize)  # for one: the kernel tells if there are more
_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_MISSING = "no descriptor came with the head"
_SEVERAL = "several descriptors came with the head, or none was free here"
_NO_STREAM = "what came with the head is not a stream socket"


class Handover:
    """Receives a response, and owns the descriptor that came with it until `take` or `close`."""

    __slots__ = ("_framer", "_sock", "came")

    def __init__(self, framer: ResponseFramer) -> None:
        """Allow `framer` a switch when there is a descriptor for it."""
        self._framer = framer
        self._sock: socket.socket | None = None
        self.came = False
        """Whether anything but bytes has come."""
        framer.obstacle = _MISSING

    def receive(self, sock: socket.SocketType, size: int) -> bytes:
        """Return what `sock.recv` would, without waiting; raises OSError as that does."""
        data, ancillary, flags, _ = sock.recvmsg(size, _ROOM, _FLAGS)
        if ancillary or flags & socket.MSG_CTRUNC:
            descriptors = array.array("i")
            for _, _, rights in ancillary:  # nothing else was asked for
                descriptors.frombytes(rights)
            self._keep(descriptors, bool(flags & socket.MSG_CTRUNC))
        return data

    def _keep(self, descriptors: array.array[int], cut: bool) -> None:
        if cut or self.came or len(descriptors) != 1:
            self.close()
            for fd in descriptors:
                os.close(fd)
            self._framer.obstacle = _SEVERAL
        else:
            self._framer.obstacle = self._open(descriptors[0])
        self.came = True

    def _open(self, fd: int) -> str:
        """Own the descriptor; return what is wrong with it."""
        try:
            self._sock = sock = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)
            return _NO_STREAM
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return _NO_STREAM if listens or sock.type != socket.SOCK_STREAM else ""

    def take(self) -> socket.socket:
        """Return the descriptor, from now on the caller's."""
        sock, self._sock = self._sock, None
        assert sock is not None
        return sock

    def close(self) -> None:
        """Close the descriptor, unless it was taken."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
