"""Connects to a server and greets it. The stream that is returned owns the socket, and what
forwards it through ssh if something does.
"""

from __future__ import annotations

import os
import pwd
import socket
from typing import Any

from .._errors import ConnectError, ConnectionLost, PdmError, ProtocolError
from .._limits import MAX_LINE
from .._peer import peer_of
from .._stream import Stream
from ._ssh import Forwarding
from ._target import SshTarget, Target, TcpTarget, UnixTarget, parse_target

CONNECT_TIMEOUT = 30.0
"""Seconds until a connection has to stand, and a server has to start a protocol."""

GREETING_TIMEOUT = 3.0
"""Seconds until a server on this machine or a TCP port has to greet: it does so at once, unless it
is something else, which waits for us.
"""

OWNER_VARIABLE = "ASHD_PDM_OWNER"
"""Environment variable with the name or number of a user whose Unix sockets are trusted, besides
those of root and of the user who asks.
"""

GREETING = b"+PDM1"


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
    stream = _open(parsed)
    first = CONNECT_TIMEOUT if isinstance(parsed, SshTarget) else GREETING_TIMEOUT
    choice = protocol if worker is None else f"@{worker} {protocol}"
    try:
        greet(stream, choice, (first, patience))
    except ConnectionLost as exc:
        stream.close()
        raise ConnectError(f"can't connect to {_describe(parsed)}: {exc}") from exc
    except BaseException:
        stream.close()
        raise
    return stream


def greet(stream: Stream, choice: str, patience: tuple[float, float]) -> None:
    """Exchange the first lines of a connection; `patience` is for the two lines of the server."""
    if _line(stream, patience[0]) != GREETING:
        raise ProtocolError("the other side is not a debug server of a version that is known here")
    stream.send(f"{choice}\n".encode())
    if not _line(stream, patience[1]).startswith(b"+"):
        raise ProtocolError("the server's answer starts with neither + nor -")


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
    try:
        opened: ClientStream = _OPENERS[type(target)](target)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise ConnectError(f"can't connect to {_describe(target)}: {reason}") from exc
    return opened


def _describe(target: Target) -> str:
    if isinstance(target, UnixTarget):
        return target.path
    if isinstance(target, TcpTarget):
        return f"{target.host} port {target.port}"
    return f"{target.path} on {target.host}"


def _open_unix(target: UnixTarget) -> ClientStream:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(CONNECT_TIMEOUT)
        check_owner(target.path, os.stat(target.path).st_uid)  # noqa: PTH116
        sock.connect(target.path)
        check_peer(sock, target.path)
    except BaseException:
        sock.close()
        raise
    return ClientStream(sock, send_timeout=None)


def check_peer(sock: socket.socket, path: str) -> None:
    """Raise `ConnectError` unless the process at the other end of a Unix socket runs as root, as
    us, or as the user whom `ASHD_PDM_OWNER` names.
    """
    peer = peer_of(sock)
    if peer is not None:
        check_owner(path, peer.uid)


def check_owner(path: str, uid: int) -> None:
    """Raise `ConnectError` unless that user may own the debug socket `path`; see `check_peer`."""
    if uid in (0, os.geteuid()) or uid == _trusted():
        return
    name = user_name(uid)
    raise ConnectError(
        f"{path} belongs to user {name}, not to you or root, so it may be a trap; "
        f"if the daemon runs as {name}, set {OWNER_VARIABLE}={name}"
    )


def _trusted() -> int | None:
    text = os.environ.get(OWNER_VARIABLE)
    if not text:
        return None
    try:
        return pwd.getpwnam(text).pw_uid
    except KeyError:
        if text.isascii() and text.isdecimal():
            return int(text)
    raise ConnectError(f"{OWNER_VARIABLE}={text}: there is no such user on this machine")


def user_name(uid: int) -> str:
    """Return the name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _open_tcp(target: TcpTarget) -> ClientStream:
    sock = socket.create_connection((target.host, target.port), CONNECT_TIMEOUT)
    return ClientStream(sock, send_timeout=None)


def _open_ssh(target: SshTarget) -> ClientStream:
    forwarding = Forwarding(target)
    try:
        stream = ClientStream(forwarding.connect(), send_timeout=None)
    except BaseException:
        forwarding.close()
        raise
    stream.forwarding = forwarding
    return stream


_OPENERS: dict[type, Any] = {UnixTarget: _open_unix, TcpTarget: _open_tcp, SshTarget: _open_ssh}
