"""Unix sockets to listen on: their files, who may connect, and what is left of a dead server.

Called before there is an event loop, and when a port is closed.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 1.0
"""Seconds for a server to take a connection; one whose queue is full is there all the same."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """The path of a socket, and its file's permissions (None, "": what the system gives it)."""

    path: str
    mode: int | None = None
    owner: str = ""
    group: str = ""


def parse_mode(text: str) -> int | None:
    """Return the permissions that an octal number means; raises ValueError."""
    if not text:
        return None
    mode = int(text, 8)
    if not 0 <= mode <= 0o777:
        raise ValueError
    return mode


def bind_unix(address: UnixAddress) -> socket.socket:
    """Return a socket that is bound, but doesn't listen yet; its `close` removes the file.

    A file that a dead server has left is replaced. Raises OSError (EADDRINUSE if somebody listens
    there), with a text or a number.
    """
    path = Path(address.path).absolute()
    owner, group = _number(address.owner, "user", _user), _number(address.group, "group", _group)
    sock = SocketWithFile(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(str(path))
        sock.own(path)
        if address.mode is not None:
            path.chmod(address.mode)
        if (owner, group) != (-1, -1):
            os.chown(path, owner, group)
    except BaseException:
        sock.close()
        raise
    return sock


class SocketWithFile(socket.socket):
    """A listening socket that removes its file when it is closed, unless that is another's now."""

    _file: tuple[Path, tuple[int, int]] | None = None

    def own(self, path: Path) -> None:
        """Remove this file in the end."""
        self._file = path, _identity(path)

    def close(self) -> None:
        """Close it, and remove the file."""
        self.remove_file()
        super().close()

    def remove_file(self) -> None:
        """Let nobody else connect."""
        if self._file is not None:
            path, identity = self._file
            self._file = None
            try:
                if _identity(path) == identity:  # nobody gets that number while we are open
                    path.unlink()
            except OSError:  # it is gone, or out of reach; the next server will replace it
                pass


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _remove_stale(path: Path) -> None:
    """Make room for a socket, if what is there is one on which nobody listens."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # bind(2) says what is wrong, if anything is
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is something else than a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink(missing_ok=True)


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid


def _number(name: str, what: str, look_up: Callable[[str], int]) -> int:
    """Return the number of a user or group; -1 if none is named."""
    if not name:
        return -1
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError:
        raise OSError(errno.EINVAL, f"there is no {what} {name!r}") from None
