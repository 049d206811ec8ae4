"""Connects to a server and greets it. The stream that is returned owns the socket, and ssh."""

from __future__ import annotations

import os
import pwd
import socket
from contextlib import suppress
from typing import Self

from .._errors import ConnectError, ConnectionLost, PdmError, ProtocolError
from .._limits import MAX_LINE
from .._peer import peer_of
from .._stream import Stream
from ._ssh import Forwarding
from ._target import SshTarget, Target, TcpTarget, parse_target

CONNECT_TIMEOUT = 30.0
"""Seconds until a connection has to stand, and a server has to start a protocol."""

GREETING_TIMEOUT = 3.0
"""Seconds until a server that isn't far has to greet; something else may wait for us instead."""

OWNER_VARIABLE = "ASHD_PDM_OWNER"
"""Environment variable with the name or number of another user whose Unix sockets are trusted."""

GREETING = b"+PDM1"


class Closing:
    """Something with `close`, to be used with `with`."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client(Closing):
    """An open connection: what the clients of both protocols have in common."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fileno(self) -> int:
        """Return the descriptor of the connection, for `poll`."""
        return self.stream.socket.fileno()

    def abort(self) -> None:
        """End the connection under a thread that uses it. May be called from any thread."""
        self.stream.abort()

    def close(self) -> None:
        """Leave. The server interrupts code that still runs, and forgets what was bound."""
        self.stream.close()


class ClientStream(Stream):
    """A stream that also ends ssh, when it is closed."""

    forwarding: Forwarding | None = None

    def close(self) -> None:
        """Close the socket, and end ssh."""
        super().close()
        if self.forwarding is not None:
            self.forwarding.close()


def connect(
    target: str | Target,
    protocol: str,
    *,
    worker: str | None = None,
    patience: float = CONNECT_TIMEOUT,
) -> ClientStream:
    """Connect, greet, and ask for a protocol (of a worker process), which has `patience` seconds to
    begin.

    `ConnectError` when that doesn't work out, also when a Unix socket belongs to another user than
    root and the one who asks; the environment variable `ASHD_PDM_OWNER` names one who is trusted.
    `ProtocolError` when something else than a debug server answers.
    """
    parsed = parse_target(target) if isinstance(target, str) else target
    choice = protocol if worker is None else f"@{worker} {protocol}"
    try:
        stream = _open(parsed)
        try:
            is_far = isinstance(parsed, SshTarget)
            if _line(stream, CONNECT_TIMEOUT if is_far else GREETING_TIMEOUT) != GREETING:
                raise ProtocolError("the other side is not a debug server of a known version")
            stream.send(f"{choice}\n".encode())
            if not _line(stream, patience).startswith(b"+"):
                raise ProtocolError("the server's answer starts with neither + nor -")
        except BaseException:
            stream.close()
            raise
    except (OSError, ConnectionLost) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ConnectError(f"can't connect to {parsed}: {reason}") from exc
    return stream


def _line(stream: Stream, seconds: float) -> bytes:
    if not stream.has_input(seconds):
        raise ConnectionLost(
            f"it accepts connections but has said nothing for {seconds:g} seconds: either another "
            "kind of server listens there (look which one with ss -lxtp), or the daemon hangs"
        )
    line = stream.read_line(MAX_LINE, seconds)
    if line is None:
        raise ConnectionLost("the server closed the connection")
    if line.startswith(b"-"):
        text = line.decode(errors="replace").removeprefix("-ERR ")
        raise PdmError(f"the server refused: {text}")
    return line


def _open(target: Target) -> ClientStream:
    if isinstance(target, TcpTarget):
        sock = socket.create_connection((target.host, target.port), CONNECT_TIMEOUT)
        return ClientStream(sock, send_timeout=None)
    if not isinstance(target, SshTarget):
        return ClientStream(_open_unix(target.path), send_timeout=None)
    forwarding = Forwarding(target)
    try:
        stream = ClientStream(forwarding.connect(), send_timeout=None)
    except BaseException:
        forwarding.close()
        raise
    stream.forwarding = forwarding
    return stream


def _open_unix(path: str) -> socket.socket:
    """Connect, if both the file and the process at the other end belong to who is trusted."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(CONNECT_TIMEOUT)
        _check_owner(path, os.stat(path).st_uid)  # noqa: PTH116
        sock.connect(path)
        if (peer := peer_of(sock)) is not None:
            _check_owner(path, peer.uid)
    except BaseException:
        sock.close()
        raise
    return sock


def _check_owner(path: str, uid: int) -> None:
    if uid in (0, os.geteuid()) or uid == _trusted():
        return
    name = str(uid)
    with suppress(KeyError):
        name = pwd.getpwuid(uid).pw_name
    raise ConnectError(
        f"{path} belongs to user {name}, not to you or root, so it may be a trap; "
        f"if the daemon runs as {name}, set {OWNER_VARIABLE}={name}"
    )


def _trusted() -> int | None:
    text = os.environ.get(OWNER_VARIABLE)
    if not text:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(text).pw_uid
    if text.isascii() and text.isdecimal():
        return int(text)
    raise ConnectError(f"{OWNER_VARIABLE}={text}: there is no such user on this machine")
