"""Handlers as processes of their own, driven over a socketpair as a front end would drive them.

    with running([sys.executable, "hello.py"]) as handler:
        assert handler.call(b"/world").body == b"Hello, world!\\n"

Leaving the block closes the socket, waits for the process, and demands that it ended as expected.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO

from ashd.proto import Headers, Request, send_request
from ashd.util import Response, call_handler

from .processes import DEADLINE

Socket = socket.socket


@dataclass(slots=True, kw_only=True)
class Caller:
    """Sends requests into a handler's socket, whose other end somebody serves. It is ours."""

    socket: Socket

    def call(
        self,
        url: bytes = b"/",
        *,
        method: bytes = b"GET",
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        rest: bytes | None = None,
        timeout: float = DEADLINE,
    ) -> Response:
        """Send one request and return the whole response."""
        return call_handler(
            self.socket,
            url,
            method=method,
            headers=headers,
            body=body,
            rest=rest,
            timeout=timeout,
        )

    def open(
        self,
        url: bytes = b"/",
        *,
        method: bytes = b"GET",
        headers: Iterable[tuple[bytes, bytes]] = (),
        rest: bytes | None = None,
    ) -> Socket:
        """Send one request and return the client's end of its response socket, the caller's own."""
        return open_request(self.socket, url, method=method, headers=headers, rest=rest)


@dataclass(slots=True, kw_only=True)
class Handler(Caller):
    """A running handler. The socket is ours; `log` is what it has written to stderr so far.

    The log can still be looked at when the handler has ended.
    """

    process: subprocess.Popen[bytes]
    _stderr: IO[bytes]
    _whole_log: str | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        if self._whole_log is not None:
            return self._whole_log
        return os.pread(self._stderr.fileno(), 1 << 24, 0).decode("utf-8", "replace")

    def finish(self) -> int:
        """Close the socket, which tells the handler to end, and return its exit status."""
        self.socket.close()
        return self.process.wait(DEADLINE)


def open_request(
    sock: socket.socket,
    url: bytes = b"/",
    *,
    method: bytes = b"GET",
    headers: Iterable[tuple[bytes, bytes]] = (),
    rest: bytes | None = None,
) -> Socket:
    """Send one request over a handler's socket; return the client's end of its response socket."""
    if rest is None:
        rest = url.partition(b"?")[0].removeprefix(b"/")
    ours, theirs = socket.socketpair()
    fields: Headers = list(headers)
    with Request(method, url, b"HTTP/1.1", rest, fields, theirs.detach()) as request:
        try:
            send_request(sock, request)
        except BaseException:
            ours.close()
            raise
    ours.settimeout(DEADLINE)
    return ours


def read_all(sock: socket.socket) -> bytes:
    """Read a socket to its end, and close it."""
    with sock, sock.makefile("rb") as stream:
        return stream.read()


@contextmanager
def running(
    argv: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    status: int | None = 0,
) -> Iterator[Handler]:
    """Run a handler program for the length of a block; it must exit with `status` (None: any).

    A handler that has to be killed, or exits otherwise, fails the test with its stderr.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with tempfile.TemporaryFile() as stderr, ours:
        with theirs:
            process = subprocess.Popen(argv, stdin=theirs.fileno(), stderr=stderr, cwd=cwd, env=env)
        handler = Handler(process=process, socket=ours, _stderr=stderr)
        try:
            yield handler
            ended = handler.finish()
        except BaseException:
            sys.stderr.write(handler.log)
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            handler._whole_log = handler.log
        assert status in (None, ended), f"exit status {ended}; stderr:\n{handler.log}"


def running_python(
    source: str, *args: str, env: Mapping[str, str] | None = None, status: int | None = 0
) -> AbstractContextManager[Handler]:
    """Run a handler that is given as Python source."""
    return running([sys.executable, "-c", source, *args], env=env, status=status)
