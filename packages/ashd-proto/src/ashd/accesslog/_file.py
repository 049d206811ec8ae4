"""A log file to which several processes may append lines, and which others may move away.

Lines are collected and written many at a time, each write ending with a whole line. Nothing waits
for a reader, and a file that can't be written (a full disk) costs lines, never a request: they are
counted, and there is one warning.

Any thread may use a `LogFile`. It owns its descriptor.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import stat
from collections.abc import Iterable
from threading import Lock

STDOUT = "-"
"""Stands for standard output in place of a path."""

_MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_PIPE_FLAGS = _FLAGS ^ os.O_WRONLY | os.O_RDWR
"""For a named pipe whose reader is still to come; else the system refuses it (ENXIO)."""
_STDOUT_FD = 1

_MANY = 512
"""Lines that are written without waiting for the next `flush`."""

_MAX_HELD = 1 << 20
"""Bytes that are held while they can't be written."""

_log = logging.getLogger("ashd.log")


class LogFile:
    """See the module."""

    def __init__(self, path: str) -> None:
        """Open `path`, or standard output for `-`. Raises OSError."""
        self.path: str = path if path == STDOUT else os.path.abspath(path)  # noqa: PTH100 - start-up time
        self._name: str = "standard output" if path == STDOUT else self.path
        self._lines: list[bytes] = []
        self._lock = Lock()  # guards all below
        self._held = b""
        self._lost = 0
        self._failing = False
        self._reopen = False
        self._place(_open(self.path))

    def _place(self, fd: int) -> None:
        self._fd = fd
        mode = os.fstat(fd).st_mode
        self._is_socket = stat.S_ISSOCK(mode)
        self._in_pieces = not stat.S_ISREG(mode)

    def add(self, line: bytes) -> None:
        """Take a line, with its end, to be written with the next ones."""
        self.add_all((line,))

    def add_all(self, lines: Iterable[bytes]) -> None:
        """Take some at once."""
        self._lines += lines
        if len(self._lines) >= _MANY:
            self.flush()

    def reopen(self) -> None:
        """Open the path anew with the next `flush`, after writing what belongs to the old file.

        May be called in a signal handler.
        """
        self._reopen = True

    def flush(self) -> None:
        """Write what has come; what can't be written is held, within a bound."""
        with self._lock:
            self._flush()
            if self._reopen:
                self._reopen = False
                self._open_anew()

    def close(self) -> None:
        """Write what can be written, and close the file."""
        with self._lock:
            self._flush()
            self._lose(self._held)
            self._held = b""
            if self._lost:
                _log.error("%s: %d lines were lost", self._name, self._lost)
                self._lost = 0
            os.close(self._fd)

    def abandon(self) -> None:
        """Close the file, in a process that was forked: the lines are not its own."""
        os.close(self._fd)

    def _flush(self) -> None:
        count = len(self._lines)
        data = self._held + b"".join(self._lines[:count])
        del self._lines[:count]  # others may have come meanwhile
        if not data:
            return
        rest = data[self._write(data) :]
        if len(rest) > _MAX_HELD:
            end = rest.rfind(b"\n", 0, _MAX_HELD) + 1
            self._lose(rest[end:])
            rest = rest[:end]
        self._held = rest
        if self._failing and not rest:
            self._failing = False
            _log.warning("%s is written again; %d lines were lost", self._name, self._lost)
            self._lost = 0

    def _write(self, data: bytes) -> int:
        """Write as much as possible without waiting; return how much that is."""
        done = 0
        while done < len(data):
            end = len(data)
            if self._in_pieces and end - done > select.PIPE_BUF:  # of which none is torn
                end = data.rfind(b"\n", done, done + select.PIPE_BUF) + 1 or end
            try:
                done += self._write_once(data[done:end])
            except BlockingIOError:
                break
            except OSError as error:
                self._complain(error.strerror)
                break
        return done

    def _write_once(self, data: bytes) -> int:
        if not self._is_socket:
            return os.write(self._fd, data)
        sock = socket.SocketType(fileno=self._fd)
        try:
            return sock.send(data, socket.MSG_DONTWAIT)
        finally:
            sock.detach()

    def _lose(self, data: bytes) -> None:
        lines = data.count(b"\n")
        if lines:
            self._lost += lines
            self._complain("nobody reads it")

    def _complain(self, why: str | None) -> None:
        if not self._failing:
            self._failing = True
            _log.warning("%s can't be written: %s; lines may be lost", self._name, why)

    def _open_anew(self) -> None:
        if self.path == STDOUT:
            return
        try:
            fd = _open(self.path)
        except OSError as error:
            _log.error("%s can't be opened anew: %s", self._name, error.strerror)
            return
        os.close(self._fd)
        self._place(fd)


def _open(path: str) -> int:
    if path != STDOUT:
        try:
            return os.open(path, _FLAGS, _MODE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return os.open(path, _PIPE_FLAGS)
    mode = os.fstat(_STDOUT_FD).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISSOCK(mode):
        try:  # for us alone, as others who have it too may want to wait
            return os.open(f"/proc/self/fd/{_STDOUT_FD}", _FLAGS)
        except OSError:
            pass
    return os.dup(_STDOUT_FD)
