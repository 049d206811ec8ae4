"""Says in a sentence what went wrong, and what to do about it. Pure functions."""

from __future__ import annotations

import errno

from ashd.pdm._errors import (
    ConnectError,
    ConnectionLost,
    PdmError,
    ProtocolError,
    RefusedPickle,
    SpecError,
)
from ashd.pdm.cli import SshTarget, Target, TcpTarget, parse_target
from ashd.pdm.command._text import clean

_UNIX = {
    errno.ENOENT: "there is no socket {0}: is the daemon running, and does it open one there?",
    errno.ECONNREFUSED: "nobody serves {0} any more: the daemon has ended and left the file behind",
    errno.EACCES: "you may not connect to {0}: only its owner and root may, "
    "unless the daemon says otherwise",
    errno.EPROTOTYPE: "{0} is a socket of another kind, not a debug socket",
    errno.ENOTSOCK: "{0} is no socket",
}
_TCP = {
    errno.ECONNREFUSED: "nobody listens on {0}: is the daemon running, "
    "and does it open a debug socket there?",
}


def sentence(exc: BaseException, target: str = "") -> str:
    """Return what to tell the user about `exc`, which came up while talking to `target`."""
    if isinstance(exc, SpecError):
        return clean(str(exc))
    if isinstance(exc, ConnectError):
        return _connect(exc, target)
    if isinstance(exc, ConnectionLost):
        return f"the connection to the daemon is lost: {clean(str(exc))}"
    if isinstance(exc, ProtocolError):
        return f"{target} is no debug socket, or of a version that is not known here: " + clean(
            str(exc)
        )
    if isinstance(exc, RefusedPickle):
        return f"the daemon sent something that is not allowed: {clean(str(exc))}"
    if isinstance(exc, OSError) and exc.strerror:
        where = f"{exc.filename}: " if exc.filename else ""
        return clean(f"{where}{exc.strerror}")
    name = "" if isinstance(exc, PdmError) else f"{type(exc).__name__}: "
    return clean(f"{name}{exc.args[0] if exc.args else exc}") or type(exc).__name__


def _connect(exc: ConnectError, target: str) -> str:
    cause = exc.__cause__
    parsed = _parsed(target)
    number = cause.errno if isinstance(cause, OSError) else None
    if isinstance(parsed, SshTarget):
        return _ssh(exc, number)
    known = _TCP if isinstance(parsed, TcpTarget) else _UNIX
    if number in known:
        return known[number].format(clean(target))
    if isinstance(cause, ConnectionLost) and "long" in str(cause):
        return f"{clean(target)} answers nothing: it is no debug socket, or the daemon hangs"
    return clean(str(exc))


def _ssh(exc: ConnectError, number: int | None) -> str:
    if number == errno.ENOENT:
        return "there is no ssh command here, which is needed to reach other machines"
    return f"{clean(str(exc))} (what ssh said about it stands above)"


def _parsed(target: str) -> Target | None:
    try:
        return parse_target(target)
    except SpecError:
        return None
