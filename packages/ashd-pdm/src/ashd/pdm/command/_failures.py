"""Says in a sentence what went wrong, and what to do about it. Pure functions."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from .._errors import (
    ConnectError,
    ConnectionLost,
    PdmError,
    ProtocolError,
    RefusedPickle,
    SpecError,
)
from ..cli import SshTarget, Target, TcpTarget, UnixTarget, parse_target
from ._text import clean

_UNIX = {
    errno.ENOENT: "there is no socket {0}: is the daemon running, and does it open one there?",
    errno.ECONNREFUSED: "nobody serves {0} any more: the daemon has ended and left the file behind",
    errno.EACCES: "you may not connect to {0}: only its owner and root may, "
    "unless the daemon says otherwise",
    errno.EPROTOTYPE: "{0} is a socket of another kind, not a debug socket",
    errno.ENOTSOCK: "{0} is not a socket",
}
_TCP = {
    errno.ECONNREFUSED: "nobody listens on {0}: is the daemon running, "
    "and does it open a debug socket there?"
}
_OTHERS: tuple[tuple[type[Exception], str], ...] = (
    (ConnectionLost, "the connection to the daemon is lost: {1}"),
    (ProtocolError, "{0} is not a debug socket, or is one of an unknown version: {1}"),
    (RefusedPickle, "the daemon sent something that is not allowed: {1}"),
)

FAILURES = (PdmError, OSError, TypeError, ValueError, LookupError, AttributeError)
"""What can come up while talking to a daemon, which may say anything, or nothing."""


def sentence(exc: BaseException, target: str = "") -> str:
    """Return what to tell the user about `exc`, which came up while talking to `target`."""
    return clean(_sentence(exc, target))


def _sentence(exc: BaseException, target: str) -> str:
    if isinstance(exc, ConnectError):
        return _connect(exc, target)
    for kind, text in _OTHERS:
        if isinstance(exc, kind):
            return text.format(target, exc)
    if isinstance(exc, OSError) and exc.strerror:
        where = f"{exc.filename}: " if exc.filename else ""
        return f"{where}{exc.strerror}"
    if not isinstance(exc, PdmError | OSError):
        return f"the daemon's answer is not of the expected form: {exc!r}"
    return str(exc) or type(exc).__name__


def _connect(exc: ConnectError, text: str) -> str:
    cause, number = exc.__cause__, getattr(exc.__cause__, "errno", None)
    target: Target | None = None
    with suppress(SpecError, OSError):
        target = parse_target(text)
        if isinstance(target, UnixTarget) and number == errno.ECONNREFUSED:
            number = number if Path(target.path).is_socket() else errno.ENOTSOCK
    if isinstance(target, SshTarget):
        if isinstance(cause, OSError):  # ssh didn't even start
            return str(exc)
        is_silent = isinstance(cause, ConnectionLost)
        reason = "there is no debug socket, or you may not connect to it, or sshd doesn't allow "
        said = f"can't connect to {target}: {reason}forwarding" if is_silent else exc
        return f"{said} (see above for what ssh said)"
    known = _TCP if isinstance(target, TcpTarget) else _UNIX
    if number in known:
        return known[number].format(text)
    if isinstance(cause, ConnectionLost) and "closed" in str(cause):
        return f"{text} closes the connection at once: it is not a debug socket"
    return str(exc)
