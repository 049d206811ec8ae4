"""Copies bytes between standard input and output and a Unix socket, for clients that come through
ssh.

This file is sent to the other machine as it is and run by the Python there, so it needs nothing but
the standard library, and Python 3.6. It has one thread, owns the socket, and ends when either side
has closed: when its output has no reader any more it closes the socket at once, so that the server
learns of it.
"""

import os
import select
import socket
import sys

CHUNK = 65536


def relay(path: str, source: int = 0, target: int = 1) -> int:
    """Connect to `path` and copy both ways. Returns an exit status; says on standard error why it
    can't connect.
    """
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(path)
    except OSError as exc:
        sys.stderr.write("can't connect to %s: %s\n" % (path, exc.strerror))  # noqa: UP031
        return 1
    with sock:
        _copy(sock, source, target)
    return 0


def _copy(sock: socket.socket, source: int, target: int) -> None:
    poller = select.poll()
    poller.register(source, select.POLLIN)
    poller.register(sock, select.POLLIN)
    if target != source:
        poller.register(target, 0)
    while True:
        found = dict(poller.poll())
        if target in found and found[target] & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return
        if source in found:
            piece = os.read(source, CHUNK)
            if piece:
                sock.sendall(piece)
            else:
                sock.shutdown(socket.SHUT_WR)
                poller.unregister(source)
        if sock.fileno() in found:
            piece = sock.recv(CHUNK)
            if not piece:
                return
            while piece:
                piece = piece[os.write(target, piece) :]


if __name__ == "__main__":
    try:
        sys.exit(relay(sys.argv[1]))
    except (BrokenPipeError, ConnectionResetError):
        sys.exit(0)
