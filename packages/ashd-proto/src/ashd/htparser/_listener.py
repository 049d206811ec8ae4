"""Listening sockets: binding them before anything else, and accepting within the bounds.

`bind_port` is called before there is an event loop. A `Listener` owns its socket; accepted sockets
belong to asyncio's transports.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import select
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from ._arrivals import Arrived
from ._connection import Connection
from ._errors import StartError
from ._handshakes import refuse_handshakes
from ._limits import ACCEPT_BURST, BACKLOG, KEEPALIVE_TIME, SAY_AGAIN, UNSENT
from ._portspec import Port, check_portspec, parse_portspec
from ._unix_socket import SocketWithFile, bind_unix

_log = logging.getLogger("ashd.htparser")
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_FAMILIES = {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]


def bind_port(
    port: Port, processes: int = 1, passed: Sequence[tuple[int, str]] = ()
) -> list[socket.socket]:
    """Return listening sockets for a port, for each address one for each process.

    Those of different processes are neighbours. Those that the service manager has `passed`, with
    a name each, become the caller's if the port wants them. Raises `StartError`, and closes what it
    opened.
    """
    if port.systemd is not None:
        return _passed(port.systemd, passed, processes)
    if port.unix is not None or port.fd is not None:
        return _shared(_only_socket(port), processes)
    sockets: list[socket.socket] = []
    number = port.number
    try:
        for address in port.addresses:
            for sock in _bind_address(address, number, processes):
                sockets.append(sock)
                number = sock.getsockname()[1]  # port 0: the same one for all addresses
    except OSError as error:
        for sock in sockets:
            sock.close()
        where = f"port {port.number}" if address is None else f"{address} port {port.number}"
        raise _failure(where, error) from error
    return sockets


def listen(spec: str) -> list[socket.socket]:
    """Return listening sockets for a PORTSPEC; they don't block, and are the caller's.

    Closing that of a Unix socket removes its file. Raises an `ashd.proto.Error`.
    """
    check_portspec(spec)
    return bind_port(parse_portspec(spec))


def _failure(where: str, error: OSError) -> StartError:
    return StartError(f"can't listen on {where}: {error.strerror or error}")


def _only_socket(port: Port) -> socket.socket:
    """Return the Unix socket of a port, or the one that was inherited."""
    if port.unix is None:
        assert port.fd is not None
        return _inherited(port.fd)
    try:
        sock = bind_unix(port.unix)
    except OSError as error:
        raise _failure(f"unix:{port.unix.path}", error) from error
    _prepare(sock)
    sock.listen(BACKLOG)
    return sock


def _inherited(fd: int) -> socket.socket:
    """Take a listening socket that somebody else has bound."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise _failure(f"descriptor {fd}", error) from error
    listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not listens or sock.type != socket.SOCK_STREAM or sock.family not in _FAMILIES:
        sock.detach()
        raise StartError(f"can't listen on descriptor {fd}: it is not a listening stream socket")
    sock.set_inheritable(False)
    _prepare(sock)
    return sock


def _passed(wanted: str, passed: Sequence[tuple[int, str]], processes: int) -> list[socket.socket]:
    fds = [fd for fd, name in passed if wanted in ("", name)]
    if not fds:
        which = f"socket with the name {wanted}" if wanted else "socket"
        raise StartError(f"systemd has passed no {which} to this process (LISTEN_FDS)")
    return [sock for fd in fds for sock in _shared(_inherited(fd), processes)]


def _shared(sock: socket.socket, processes: int) -> list[socket.socket]:
    """Return a socket as often as there are processes: the kernel has no copies of such a one."""
    sockets = [sock]
    where = describe(sock)
    try:
        while len(sockets) < processes:
            sockets.append(socket.socket(fileno=os.dup(sock.fileno())))
    except OSError as error:
        for each in sockets:
            each.close()
        raise _failure(where, error) from error
    return sockets


def _bind_address(address: str | None, number: int, processes: int) -> list[socket.socket]:
    found = socket.getaddrinfo(address, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, kind, protocol, _, where in sorted(set(found)):
        if sockets and not number:
            where = (where[0], sockets[0].getsockname()[1], *where[2:])  # noqa: PLW2901
        try:
            sockets += _bind_together((family, kind, protocol), where, processes)
        except OSError as error:
            failure = error
            if error.errno not in _NO_SUCH_FAMILY:
                break
        else:
            failure = None
    if failure is not None and (not sockets or failure.errno not in _NO_SUCH_FAMILY):
        for sock in sockets:
            sock.close()
        raise failure
    return sockets


def _bind_together(
    kind: tuple[int, int, int], where: tuple[object, ...], processes: int
) -> list[socket.socket]:
    """Return sockets of one address, among which the kernel shares connections out evenly."""
    sockets: list[socket.socket] = []
    try:
        if processes > 1:  # sockets that share an address would share it with another server's, too
            with socket.socket(*kind) as probe:
                _bind(probe, where)
        while len(sockets) < processes:
            sockets.append(socket.socket(*kind))
            if processes > 1:
                sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _listen(sockets[-1], where)
            where = sockets[-1].getsockname()
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind(sock: socket.socket, where: tuple[object, ...]) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has its own socket
    sock.bind(where)


def _listen(sock: socket.socket, where: tuple[object, ...]) -> None:
    _prepare(sock)
    _bind(sock, where)
    sock.listen(BACKLOG)


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    if sock.family == socket.AF_UNIX:
        return
    # Accepted sockets inherit these from the listening one.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_TIME)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_TIME // 4)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)


class Acceptor(Protocol):
    """Who takes what listeners accept."""

    loop: asyncio.AbstractEventLoop

    def has_room(self, arrived: int) -> bool:
        """Tell whether one more connection may be accepted, after that many in this turn."""

    def make_room(self, arrived: int) -> bool:
        """Let a connection give way to a new one; tell whether one could."""

    def pause(self) -> None:
        """Pause all listeners for a while."""

    def arrive(self, arrived: list[Arrived]) -> None:
        """Own and serve accepted sockets."""


class Listener:
    """Accepts the connections of one listening socket, unless it is paused."""

    def __init__(self, acceptor: Acceptor, port: Port, sock: socket.socket) -> None:
        """Own the socket; `resume` begins."""
        self._acceptor = acceptor
        self._port = port
        self._sock = sock
        self._accepting = False
        self._say_again = 0.0

    def resume(self) -> None:
        """Accept connections."""
        if not self._accepting:
            self._accepting = True
            self._acceptor.loop.add_reader(self._sock, self.accept_some)

    def pause(self) -> None:
        """Leave new connections to the kernel's queue."""
        if self._accepting:
            self._accepting = False
            self._acceptor.loop.remove_reader(self._sock)

    def turn_away(self) -> bool:
        """Let no new connection begin; return whether some that have begun may still come.

        A socket that others have as well is theirs from now on, with the connections in it.
        """
        if self._port.fd is not None or self._port.systemd is not None:
            self.close()
            return False
        if isinstance(self._sock, SocketWithFile):
            self._sock.remove_file()
        elif self._sock.family != socket.AF_UNIX:
            refuse_handshakes(self._sock)
        return True

    def close(self) -> None:
        """Stop for good."""
        self.pause()
        self._sock.close()

    def accept_some(self) -> None:
        """Accept what is there, within the bounds."""
        arrived: list[Arrived] = []
        while len(arrived) < ACCEPT_BURST:
            sock = self._accept(len(arrived))
            if sock is None:
                break
            sock.setblocking(False)
            arrived.append((sock, self._port))
        if arrived:
            self._acceptor.arrive(arrived)

    def _accept(self, arrived: int) -> socket.socket | None:
        """Accept one more connection, if there is one, and room; that many have come before."""
        if not self._acceptor.has_room(arrived) and not self._make_room(arrived):
            return None
        try:
            return self._sock.accept()[0]
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        except OSError as error:
            self._refused(error)
            return None

    def _make_room(self, arrived: int) -> bool:
        """Let a client give way to the one that waits, if there is one at all."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0)) and self._acceptor.make_room(arrived)

    def _refused(self, error: OSError) -> None:
        if error.errno in _OUT_OF_RESOURCES:
            now = self._acceptor.loop.time()
            if now >= self._say_again:
                self._say_again = now + SAY_AGAIN
                why = os.strerror(error.errno)
                _log.warning("can't accept connections for the moment: %s", why)
            self._acceptor.pause()
        else:
            _log.warning("a connection could not be accepted: %s", error)


def describe(sock: socket.socket) -> str:
    """Return the address of a listening socket as an administrator writes it."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if sock.family == socket.AF_INET6 else f"{host}:{port}"


async def connect_transport(
    loop: asyncio.AbstractEventLoop,
    later: Callable[[Callable[[], None]], None],
    connection: Connection,
    sock: socket.socket,
    port: Port,
) -> None:
    """Put an accepted socket under an asyncio transport; close it when that fails.

    `later` calls back when everybody else had a turn.
    """
    protocol: asyncio.Protocol = connection
    if port.tls is not None:
        from ._tls import TlsSession  # there may be no ssl module

        protocol = TlsSession(connection, port.tls, later)
    try:
        await loop.connect_accepted_socket(lambda: protocol, sock)
    except OSError:
        sock.close()
