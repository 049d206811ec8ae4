"""ashd-wsgi as a process, with applications of tests/serve/apps, and what tests of it share."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from .handlers import Handler, running
from .processes import MODELS, children, program, wait_until

APPS = Path(__file__).parents[2] / "serve" / "apps"

PATIENCE = 60.0
"""Seconds until something on a busy machine counts as hanging."""


def wsgi(
    application: str,
    *options: str,
    apps: Path = APPS,
    status: int | None = 0,
    env: Mapping[str, str] | None = None,
) -> AbstractContextManager[Handler]:
    """Run ashd-wsgi with the module `application` of `apps`."""
    argv = [program("ashd-wsgi"), *options, "-p", str(apps), "-A", application]
    return running(argv, status=status, env=env)


def workers(handler: Handler) -> list[int]:
    """Return the process IDs of a handler's worker processes."""
    return children(handler.pid)


def read_response(sock: socket.socket) -> bytes:
    """Read a response to its end or its reset, and close the socket."""
    sock.settimeout(PATIENCE)
    pieces = []
    with sock, suppress(ConnectionError):
        while piece := sock.recv(1 << 18):
            pieces.append(piece)
    return b"".join(pieces)


def body_of(response: bytes) -> bytes:
    """Return the body of a response that has to be a good one."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), response[:200]
    return body


def wait_for_log(handler: Handler, *texts: str) -> str:
    """Wait until the handler has written all of `texts`, and return the log."""
    for text in texts:
        wait_until(lambda text=text: text in handler.log, PATIENCE, f"{text!r} in the log")  # type: ignore[misc]
    return handler.log


class Pipe:
    """A named pipe at which a request of gate_app waits, until `open` is called."""

    def __init__(self, directory: Path, name: str = "pipe") -> None:
        self._path = directory / name
        os.mkfifo(self._path)
        self._fd = -1

    @property
    def url(self) -> bytes:
        """Where to ask in order to wait here."""
        return b"/?" + os.fsencode(self._path)

    def wait_for_arrival(self) -> None:
        """Wait until a request waits here."""
        wait_until(self._has_arrived, PATIENCE, "a request to arrive at its pipe")

    def _has_arrived(self) -> bool:
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
        return self._fd >= 0

    def open(self) -> None:
        """Let the request through that waits here, or will."""
        if self._fd < 0:
            self.wait_for_arrival()
        os.close(self._fd)
        self._fd = -1


def pipes(directory: Path, count: int) -> list[Pipe]:
    """Make so many pipes."""
    return [Pipe(directory, f"pipe{number}") for number in range(count)]


def wait_at(handler: Handler, gates: Sequence[Pipe]) -> list[socket.socket]:
    """Send a request to each pipe, and wait until they have arrived; return their sockets."""
    sockets = [handler.open(gate.url) for gate in gates]
    for gate in gates:
        gate.wait_for_arrival()
    return sockets


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that a busy machine may take long for."""
    wait_until(condition, PATIENCE, what)


MODEL_OPTIONS = [*(("-t", model) for model in MODELS), ("-t", "pool", "-w", "2")]
"""The options of every model, and of one with worker processes."""
