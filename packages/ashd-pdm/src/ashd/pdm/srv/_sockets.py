"""Opens the sockets that a server listens on: a Unix socket that never has wider rights than it
should, or TCP on loopback.

A Unix socket is bound in a fresh directory of mode 0700 beside its place, gets its mode and group
there, and is then linked to its place: at no moment can anybody else reach it. (A umask belongs to
all threads of the process, so it can't be used.) A lock keeps two servers that start at once from
taking each other's socket for a stale one: it is on a file beside the socket that only this user
can open, for anybody could hold one on the directory.

What is returned owns its descriptors until its `close` is called.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import ipaddress
import logging
import os
import socket
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import ListenError
from .._peer import Admission, admission
from ._spec import MAX_PATH, TcpSpec, UnixSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("ashd.pdm")
BACKLOG = 128
"""Connections that wait to be accepted. On TCP, a client that finds no room waits a second."""

LOCK_TIMEOUT = 5.0
"""Seconds to wait for another server of this user that is being started with the same path."""

LOCK_PAUSE = 0.01
"""Seconds between two tries. The lock is held for less than that, as a rule."""


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a Unix socket, to be known again when it is time to remove it."""

    path: str
    device: int
    inode: int
    pid: int

    def remove(self) -> None:
        """Remove the file, if this process made it and nobody has put another in its place."""
        if os.getpid() != self.pid:
            return
        with suppress(OSError):
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                os.unlink(self.path)  # noqa: PTH108


@dataclass(frozen=True, slots=True)
class Opened:
    """Listening sockets, with the file and the rule of admission of a Unix socket."""

    sockets: tuple[socket.socket, ...]
    file: SocketFile | None = None
    admission: Admission | None = None


def open_unix(spec: UnixSpec) -> Opened:
    """Listen on a Unix socket. `ListenError` when something is in the way; nothing is left behind
    then.
    """
    gid = _group_id(spec.group)
    directory = os.path.dirname(spec.path) or "."  # noqa: PTH120
    try:
        with (
            _locked(spec.path),
            tempfile.TemporaryDirectory(prefix=".pdm-", dir=directory) as private,
        ):
            _clear_place(spec.path)
            return _bind_and_link(spec, gid, private)
    except OSError as exc:
        raise ListenError(f"can't listen on {spec.path}: {exc.strerror}") from exc


def _bind_and_link(spec: UnixSpec, gid: int | None, private: str) -> Opened:
    sock = socket.socket(socket.AF_UNIX)
    made = os.path.join(private, "s")  # noqa: PTH118
    try:
        with _short(private) as short:
            sock.bind(f"{short}/s")
        if gid is not None:
            os.chown(made, -1, gid)
        os.chmod(made, spec.mode)  # noqa: PTH101
        sock.listen(BACKLOG)
        found = os.stat(made)  # noqa: PTH116
        _link(made, spec.path)
    except BaseException:
        sock.close()
        raise
    file = SocketFile(os.path.abspath(spec.path), found.st_dev, found.st_ino, os.getpid())  # noqa: PTH100
    return Opened((sock,), file, admission(spec.mode, found.st_gid))


def _link(made: str, path: str) -> None:
    try:
        os.link(made, path)
    except OSError as exc:
        if exc.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        os.rename(made, path)  # noqa: PTH104


@contextmanager
def _short(directory: str) -> Iterator[str]:
    """A name of the directory that leaves room in a socket address for what is bound in it."""
    if len(os.fsencode(directory)) + 2 <= MAX_PATH:
        yield directory
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    name = f"{path}.lock"
    descriptor = _take_lock(name, time.monotonic() + LOCK_TIMEOUT)
    try:
        yield
    finally:
        os.unlink(name)  # noqa: PTH108
        os.close(descriptor)


def _take_lock(name: str, deadline: float) -> int:
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                raise ListenError(f"{name} belongs to another user; use another directory")
            if _try_lock(descriptor, name):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise ListenError(
                f"another process has held the lock {name} for {LOCK_TIMEOUT:g} seconds: "
                "stop it, or use another path"
            )
        time.sleep(LOCK_PAUSE)


def _try_lock(descriptor: int, name: str) -> bool:
    """Take the lock; False while another has it, also if that one has removed the file since."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(name))  # noqa: PTH116
    except (BlockingIOError, FileNotFoundError):
        return False


def _clear_place(path: str) -> None:
    """Remove a socket that nobody listens on; `ListenError` for anything else that is there."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(
            f"can't listen on {path}: a file of another kind is there; use another path"
        )
    if _is_live(path):
        raise ListenError(
            f"can't listen on {path}: another process listens there; stop it or use another path"
        )
    Path(path).unlink()


def _is_live(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except FileNotFoundError:
            return False
        except OSError:  # its queue is full, or it is somebody else's, or of another type
            return True
    return True


def _group_id(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if group.isdecimal():
            return int(group)
    raise ListenError(f"there is no group {group!r} on this machine")


def open_tcp(spec: TcpSpec) -> Opened:
    """Listen on a loopback address; on all of them that a name has. `ListenError` for any other
    address.
    """
    addresses = _resolve(spec)
    for address in addresses:
        if not _is_loopback(address):
            raise ListenError(
                f"refused to listen on {address or '*'} port {spec.port}: there is no "
                "authentication, so everybody who reaches the port could run code here; listen on "
                "a Unix socket or on 127.0.0.1, "
                "and come from elsewhere through ssh (ssh -L 7070:127.0.0.1:7070 HOST)"
            )
    sockets = _bind_all(addresses, spec.port)
    _log.warning(
        "debug socket on TCP port %d: every user of this machine can run code here", spec.port
    )
    return Opened(sockets)


def _resolve(spec: TcpSpec) -> list[str]:
    if not spec.host:
        return [""]
    try:
        found = socket.getaddrinfo(spec.host, spec.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ListenError(
            f"can't listen on {spec.host}: the name has no address; if a Unix socket is meant, "
            "its path needs a / (as in ./debug.sock)"
        ) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def _bind_all(addresses: list[str], port: int) -> tuple[socket.socket, ...]:
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in addresses:
            try:
                bound.append(_bind_tcp(address, port))
            except OSError as exc:
                if exc.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = exc  # a name has a v6 address on machines without v6
        if missing and not bound:
            raise missing
    except OSError as exc:
        for sock in bound:
            sock.close()
        raise ListenError(f"can't listen on {addresses[0]} port {port}: {exc.strerror}") from exc
    return tuple(bound)


def _bind_tcp(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if "." in address else 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock
