"""Running in the background: the process that was started waits until its child serves.

The child does everything, ports and root handler included, so that the handler is a child of the
process that looks after it. What it and its handlers write meanwhile is copied to the stderr of the
process that waits; later it goes to the log. Standard output or error that is a file stays as it
is. The working directory and the umask stay, as the handler may have to be started again in them.

`daemonize` is called before there are threads or an event loop. A `Daemon` owns its end of the
socket to the process that waits, and the pipe that the output comes through.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress

from ._errors import FAILURE_STATUS, StartError
from ._limits import KIB, PIECE
from ._process import describe_status

_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_READY = b"ready"
_LONGEST_LINE = 8 * KIB


class Daemon:
    """The child's side."""

    def __init__(self, waiting: socket.socket, output: int) -> None:
        """Own a socket to the process that waits, and the descriptor that the output comes from."""
        self._waiting = waiting
        self._output = output

    def ready(self, write: Callable[[str], object]) -> None:
        """Let the process that waits exit with 0, and give each line of output to `write`.

        If nobody waits any more, the start was broken off, and this process gets SIGTERM.
        """
        try:
            self._waiting.send(_READY)
        except OSError:
            os.kill(os.getpid(), signal.SIGTERM)
        # That something can't be logged would be said on stderr, and so be logged, without end.
        logging.raiseExceptions = False
        threading.Thread(target=self._relay, args=(write,), daemon=True).start()

    def _relay(self, write: Callable[[str], object]) -> None:
        """Take lines to the end, in a thread, as this process itself may write some, and wait."""
        with self._waiting, suppress(ConnectionError):
            self._waiting.recv(1)  # the end of the process that reads so far, without blocking
        os.set_blocking(self._output, True)
        with os.fdopen(self._output, "rb") as stream:
            while line := stream.readline(_LONGEST_LINE):
                write(line.decode("utf-8", "backslashreplace").rstrip("\n"))


def daemonize(kept: Collection[int]) -> Daemon:
    """Return in a child of this process, which leads a session of its own.

    The child closes all descriptors that this process has inherited but those that are `kept`. This
    process ends when the child is ready (0), or has ended (1). Raises `StartError`.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        ours, theirs = socket.socketpair()
        output, write = os.pipe()
        child = os.fork()
    except OSError as error:
        raise StartError(f"can't run in the background: {error.strerror}") from error
    if child:
        theirs.close()
        os.close(write)
        os._exit(_wait_for(child, ours, output))
    ours.close()
    os.setsid()
    _close_inherited({0, 1, 2, *kept})
    _replace_standard_streams(write)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    return Daemon(theirs, output)


def fill_standard_streams() -> None:
    """Open descriptors 0, 1 and 2 where they are closed: nothing else must get these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _close_inherited(kept: set[int]) -> None:
    """Close what a program that has started this one has left open; Python's own aren't so."""
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - kept:  # noqa: PTH208
        with suppress(OSError):  # the one that has listed them
            if os.get_inheritable(fd):
                os.close(fd)


def _replace_standard_streams(output: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for fd in (1, 2):
        if not _is_file(fd):
            os.dup2(output, fd)
    for fd in {null, output} - {0, 1, 2}:
        os.close(fd)


def _is_file(fd: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError:  # it is closed
        return False


def _wait_for(child: int, channel: socket.socket, output: int) -> int:
    """Copy what the child writes until it is ready, or has ended; return our exit status."""
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    os.set_blocking(output, False)
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(output, select.POLLIN)
    while channel.fileno() not in dict(poll.poll()):
        if not _copy(output):
            poll.unregister(output)
    if channel.recv(len(_READY)) == _READY:
        _copy(output)
        return 0
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _copy(output)
    if status < 0:  # else it has said why
        text = f"the process in the background ended {describe_status(status)}"
        print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)  # noqa: PTH119, T201
    return FAILURE_STATUS


def _copy(output: int) -> bool:
    """Copy what is there to stderr; return whether there may be more."""
    with suppress(BlockingIOError):
        while data := os.read(output, PIECE):
            with suppress(OSError):  # nobody reads it
                os.write(2, data)
        return False
    return True
