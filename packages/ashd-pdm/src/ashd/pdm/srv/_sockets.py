"""Opens the sockets that a server listens on: a Unix socket that never has wider rights than it
should, or TCP on loopback.

A Unix socket is bound in a fresh directory of mode 0700 beside its place, gets its mode and group
there, and is then moved to its place: at no moment can anybody else reach it. (A umask belongs to
all threads of the process, so it can't be used.) A lock keeps two servers that start at once from
taking each other's socket for a stale one: it is on a file beside the socket that only this user
can open, for anybody could hold one on the directory.

The caller owns the sockets and the file.
"""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import logging
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from .._errors import ListenError
from .._peer import Admission
from ._spec import MAX_PATH, TcpSpec, UnixSpec

_log = logging.getLogger("ashd.pdm")
BACKLOG = 128
"""Connections that wait to be accepted. On TCP, a client that finds no room waits a second."""

LOCK_PAUSE = 0.01
"""Seconds between two tries. The lock is held for less than that, as a rule."""


class Opened(NamedTuple):
    """Listening sockets with their addresses; the rule of admission and the file of a Unix one."""

    sockets: list[socket.socket]
    addresses: list[object]
    admission: Admission | None = None
    found: os.stat_result | None = None
    pid: int = 0

    def remove_file(self) -> None:
        """Remove the file, if this process made it and nobody has put another in its place."""
        if self.found is not None and self.pid == os.getpid():
            with suppress(OSError):
                path = Path(str(self.addresses[0]))
                if os.path.samestat(path.lstat(), self.found):
                    path.unlink()


def open_unix(spec: UnixSpec, lock_timeout: float) -> Opened:
    """Listen on a Unix socket. `ListenError`, and nothing left, if something is in the way."""
    path = Path(spec.path)
    try:
        with (
            _locked(Path(f"{path}.lock"), lock_timeout),
            tempfile.TemporaryDirectory(prefix=".pdm-", dir=path.parent) as private,
        ):
            _clear_place(path)
            return _bind_and_move(path, spec, Path(private, "s"))
    except OSError as exc:
        raise ListenError(f"can't listen on {path}: {exc.strerror}") from exc


def _bind_and_move(path: Path, spec: UnixSpec, made: Path) -> Opened:
    with ExitStack() as undo:
        sock = undo.enter_context(socket.socket(socket.AF_UNIX))
        with _short(made) as short:
            sock.bind(short)
        if spec.group is not None:
            _give_to_group(made, spec.group)
        made.chmod(spec.mode)
        sock.listen(BACKLOG)
        found = made.stat()
        made.rename(path)
        undo.pop_all()
    rule = Admission(os.geteuid(), found.st_gid, spec.mode)
    return Opened([sock], [str(path.absolute())], rule, found, os.getpid())


def _give_to_group(path: Path, group: str) -> None:
    try:
        shutil.chown(path, group=int(group) if group.isdecimal() else group)
    except LookupError as exc:
        raise ListenError(f"there is no group {group!r} on this machine") from exc


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the path that fits into a socket address."""
    if len(os.fsencode(path)) <= MAX_PATH:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path, seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise ListenError(
                f"another process has held the lock {path} for {seconds:g} seconds: "
                "stop it, or use another path"
            )
        time.sleep(LOCK_PAUSE)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """Return the descriptor that holds the lock; None if another has it, or had and removed it."""
    with ExitStack() as undo:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, descriptor)
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise ListenError(f"{path} belongs to another user; use another directory")
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                undo.pop_all()
                return descriptor
    return None


def _clear_place(path: Path) -> None:
    """Remove a socket that nobody listens on; `ListenError` for anything else that is there."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ListenError(
            f"can't listen on {path}: a file of another kind is there; use another path"
        )
    if _is_live(path):
        raise ListenError(
            f"can't listen on {path}: another process listens there; stop it or use another path"
        )
    path.unlink()


def _is_live(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # its queue is full, or it is somebody else's, or of another type
            pass
    return True


def open_tcp(spec: TcpSpec) -> Opened:
    """Listen on all loopback addresses of a name. `ListenError` for any other address."""
    addresses = _resolve(spec)
    for address in addresses:
        if not _is_loopback(address):
            raise ListenError(
                f"refused to listen on {address} port {spec.port}: there is no authentication, so "
                "everybody who reaches the port could run code here; listen on a Unix socket or on "
                "127.0.0.1, and come from elsewhere through ssh (ssh -L 7070:127.0.0.1:7070 HOST)"
            )
    try:
        sockets = _bind_all(addresses, spec.port)
    except OSError as exc:
        reason = os.strerror(exc.errno or 0)
        raise ListenError(f"can't listen on {spec.host} port {spec.port}: {reason}") from exc
    _log.warning(
        "debug socket on TCP port %d: every user of this machine can run code here", spec.port
    )
    return Opened(sockets, [sock.getsockname() for sock in sockets])


def _resolve(spec: TcpSpec) -> list[str]:
    try:
        found = socket.getaddrinfo(
            spec.host or None, spec.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as exc:
        raise ListenError(
            f"can't listen on {spec.host}: the name has no address; if a Unix socket is meant, "
            "its path needs a / (as in ./debug.sock)"
        ) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return bool((getattr(found, "ipv4_mapped", None) or found).is_loopback)


def _bind_all(addresses: list[str], port: int) -> list[socket.socket]:
    with ExitStack() as undo:
        bound = []
        for address in addresses:
            try:
                bound.append(undo.enter_context(_bind_tcp(address, port)))
            except OSError as exc:  # a name may have a v6 address on a machine without v6
                is_missing = exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
                if not is_missing or (address == addresses[-1] and not bound):
                    raise
        undo.pop_all()
        return bound


def _bind_tcp(address: str, port: int) -> socket.socket:
    return socket.create_server(
        (address, port),
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        backlog=BACKLOG,
        dualstack_ipv6=":" in address and "." in address,  # a v4 address in the form of a v6 one
    )
