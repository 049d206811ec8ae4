"""A front end as a process, with a root handler below it.

    with front_end([sys.executable, "hello.py"]) as server:
        urllib.request.urlopen(server.url + "/world")

Leaving the block stops it as an administrator would, with SIGTERM, and demands that front end and
root handler end. `FRONT_ENDS` are parameters for tests that any front end has to pass: ours, and
the reference one where it is on PATH.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pytest

from .outside import needs
from .processes import DEADLINE, children, exists, free_port, program, wait_until

OURS = "ashd-htparser"
REFERENCE = "htparser"

FRONT_ENDS = [
    pytest.param(OURS, id=OURS),
    pytest.param(REFERENCE, id=REFERENCE, marks=needs(REFERENCE)),
]

_HANDLERS = Path(__file__).parents[2] / "integration" / "htparser_handlers.py"

HANDLER = [sys.executable, str(_HANDLERS)]
"""A root handler that does what the first part of a request's path says."""

_ATTEMPTS = 5  # somebody else may take a port between finding it and binding it


@dataclass(slots=True)
class FrontEnd:
    """A running front end; `log` is what it and its handlers have written to stderr so far."""

    process: subprocess.Popen[bytes]
    port: int
    handler_pid: int
    _output: IO[bytes]
    _log_begin: int = 0

    @property
    def url(self) -> str:
        """The server's address without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        begin = self._log_begin
        return os.pread(self._output.fileno(), 1 << 24, begin).decode("utf-8", "replace")

    def from_now_on(self) -> FrontEnd:
        """Return the same front end with a log that is empty so far."""
        return replace(self, _log_begin=os.fstat(self._output.fileno()).st_size)

    def connect(self, host: str = "127.0.0.1", timeout: float = DEADLINE) -> socket.socket:
        """Return a new connection, the caller's own."""
        return socket.create_connection((host, self.port), timeout=timeout)

    def exchange(self, data: bytes, host: str = "127.0.0.1") -> bytes:
        """Send bytes over a connection of their own; return all that comes before it is closed.

        The sending side stays open, as browsers do it. What was read before a reset counts.
        """
        with self.connect(host) as sock:
            sock.sendall(data)
            return read_to_end(sock)

    def wait_for_log(self, text: str) -> None:
        """Wait until the front end or its handler has written `text` to stderr."""
        wait_until(lambda: text in self.log, what=f"{text!r} in the log")

    def wait_until_closed(self) -> None:
        """Wait until nobody listens on the port."""
        wait_until(self._refuses, what="the port to be closed")

    def _refuses(self) -> bool:
        try:
            self.connect().close()
        except ConnectionError:
            return True
        return False

    def terminate(self) -> None:
        """Begin a shutdown, as the first signal does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit status."""
        return self.process.wait(DEADLINE)


def read_to_end(sock: socket.socket) -> bytes:
    """Return all that comes until the other side closes or resets the connection."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def front_end_command(name: str) -> list[str]:
    """Return the command of a front end, `OURS` or `REFERENCE`."""
    return [program(OURS)] if name == OURS else [name]


@contextmanager
def front_end(
    handler: Sequence[str],
    *,
    name: str = OURS,
    options: Sequence[str] = (),
    port_parameters: str = "",
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    status: int | None = 0,
) -> Iterator[FrontEnd]:
    """Run a front end for the length of a block; it must exit with `status` (None: any).

    `options` go in front of the port, `port_parameters` (`bind=::1`) to it; the descriptors
    `pass_fds` are open there, too. A front end that has to be killed, or exits otherwise, fails the
    test with its stderr.
    """
    with tempfile.TemporaryFile() as output:
        server = _start(name, options, port_parameters, handler, output, cwd, env, pass_fds)
        try:
            yield server
            if server.process.poll() is None:
                server.terminate()
            ended = server.wait()
            wait_until(lambda: not exists(server.handler_pid), what="the root handler's end")
        except BaseException:
            sys.stderr.write(server.log)
            raise
        finally:
            _kill(server)
        assert status in (None, ended), f"exit status {ended}; stderr:\n{server.log}"


def _start(
    name: str,
    options: Sequence[str],
    port_parameters: str,
    handler: Sequence[str],
    output: IO[bytes],
    cwd: str | os.PathLike[str] | None,
    env: Mapping[str, str] | None,
    pass_fds: Sequence[int],
) -> FrontEnd:
    for _ in range(_ATTEMPTS):
        port = free_port()
        spec = f"plain:port={port}" + (f",{port_parameters}" if port_parameters else "")
        argv = [*front_end_command(name), *options, spec, "--", *handler]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=env,
            pass_fds=pass_fds,
        )
        pid = _handler_pid(process, port)
        if pid:
            return FrontEnd(process, port, pid, output)
    log = os.pread(output.fileno(), 1 << 20, 0).decode("utf-8", "replace")
    raise AssertionError(f"{name} did not start:\n{log}")


def _handler_pid(process: subprocess.Popen[bytes], port: int) -> int:
    """Wait until the front end takes connections, and return its handler; 0 when it has exited."""
    wait_until(lambda: process.poll() is not None or _listens(process, port))
    return children(process.pid)[0] if process.poll() is None else 0


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Tell whether the process has a handler and takes connections."""
    if not children(process.pid):
        return False
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
    return False


def _kill(server: FrontEnd) -> None:
    for pid in (server.pid, server.handler_pid):
        if exists(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    server.process.wait()
