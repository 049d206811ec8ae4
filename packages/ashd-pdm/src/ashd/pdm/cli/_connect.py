"""Connects to a server and greets it. The stream that is returned owns the socket, and the ssh
process if there is one.
"""

from __future__ import annotations

import base64
import importlib.resources
import os
import pwd
import shlex
import socket
import subprocess
from typing import Any

from ashd.pdm._errors import ConnectError, ConnectionLost, PdmError, ProtocolError
from ashd.pdm._limits import MAX_LINE
from ashd.pdm._peer import peer_of
from ashd.pdm._stream import Stream
from ashd.pdm.cli._target import SshTarget, Target, TcpTarget, UnixTarget, parse_target

CONNECT_TIMEOUT = 30.0
"""Seconds until a connection has to stand, and a server has to start a protocol."""

GREETING_TIMEOUT = 3.0
"""Seconds until a server on this machine or a TCP port has to greet: it does so at once, unless it
is something else, which waits for us.
"""

SSH_TIMEOUT = 30.0
"""The same through ssh: time to type a passphrase."""

OWNER_VARIABLE = "ASHD_PDM_OWNER"
"""Environment variable with the name or number of a user whose Unix sockets are trusted, besides
those of root and of the user who asks.
"""

SSH_VARIABLE = "ASHD_PDM_SSH"
"""Environment variable with the ssh command to use, and its options."""

GREETING = b"+PDM1"


class ClientStream(Stream):
    """A stream that also waits for the ssh process, when it is closed."""

    process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """Close the socket; ssh ends by that."""
        super().close()
        if self.process is not None:
            self.process.wait()


def connect(target: str | Target, protocol: str, *, worker: str | None = None) -> ClientStream:
    """Connect, greet, and ask for a protocol (of a worker process).

    `ConnectError` when that doesn't work out, also when a Unix socket belongs to another user than
    root and the one who asks; the environment variable `ASHD_PDM_OWNER` names one who is trusted.
    `ProtocolError` when something else than a debug server answers.
    """
    parsed = parse_target(target) if isinstance(target, str) else target
    stream = _open(parsed)
    patience = SSH_TIMEOUT if isinstance(parsed, SshTarget) else GREETING_TIMEOUT
    try:
        greet(stream, protocol, worker=worker, patience=patience)
    except ConnectionLost as exc:
        stream.close()
        raise ConnectError(f"can't connect to {_describe(parsed)}: {exc}") from exc
    except BaseException:
        stream.close()
        raise
    return stream


def greet(
    stream: Stream, protocol: str, *, worker: str | None = None, patience: float = GREETING_TIMEOUT
) -> None:
    """Exchange the first lines of a connection; `patience` is for the server's first line."""
    if _line(stream, patience) != GREETING:
        raise ProtocolError("the other side is not a debug server of a version that is known here")
    choice = protocol if worker is None else f"@{worker} {protocol}"
    stream.send(f"{choice}\n".encode())
    if not _line(stream, CONNECT_TIMEOUT).startswith(b"+"):
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
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                ssh_command(target), stdin=theirs.fileno(), stdout=theirs.fileno()
            )
    except BaseException:
        ours.close()
        raise
    stream = ClientStream(ours, send_timeout=None)
    stream.process = process
    return stream


def ssh_command(target: SshTarget) -> list[str]:
    """Return the command that runs our relay on the other machine, where only Python is needed.

    The source of the relay goes along, encoded so that any login shell leaves it alone.
    """
    source = importlib.resources.files("ashd.pdm.relay").joinpath("_relay.py").read_bytes()
    code = f"import base64;exec(base64.b64decode('{base64.b64encode(source).decode()}'))"
    remote = f"exec python3 -c {shlex.quote(code)} {shlex.quote(target.path)}"
    ssh = shlex.split(os.environ.get(SSH_VARIABLE, "ssh"))
    # Ctrl-C is for the program at the terminal; ssh would get it, too, and end
    deaf = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    return [*deaf, *ssh, "-T", "-e", "none", "--", target.host, remote]


_OPENERS: dict[type, Any] = {UnixTarget: _open_unix, TcpTarget: _open_tcp, SshTarget: _open_ssh}
