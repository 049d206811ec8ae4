"""Reads a PDM-SPEC: the text that says where a server listens. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import SpecError

DEFAULT_MODE = 0o600
MAX_PATH = 107
"""Bytes of a path that fit into a socket address on Linux. Nobody could connect to a longer one."""

FORMS = (
    "use PATH[:MODE[:GROUP]] with a / in PATH (such as /run/daemon.sock:0660:adm), "
    "or ADDRESS:PORT with a loopback address (such as 127.0.0.1:7070 or [::1]:7070)"
)


@dataclass(frozen=True, slots=True)
class UnixSpec:
    """A Unix socket with its mode, and its group when one was given."""

    path: str
    mode: int = DEFAULT_MODE
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TcpSpec:
    """An address (or a name) and a port."""

    host: str
    port: int


def parse_spec(spec: str) -> UnixSpec | TcpSpec:
    """Return what `spec` means; `SpecError` shows the two forms when it means nothing."""
    return _parse_unix(spec) if "/" in spec else _parse_tcp(spec)


def _parse_unix(spec: str) -> UnixSpec:
    head, slash, tail = spec.rpartition("/")
    name, *options = tail.split(":")
    path = head + slash + name
    if not name or "\0" in spec or len(options) > 2:
        raise _wrong(spec, "it has no file name, or too many parts")
    if len(path.encode("utf-8", "surrogateescape")) > MAX_PATH:
        raise SpecError(f"the path of a socket can have {MAX_PATH} bytes, and {path!r} is longer")
    mode = _parse_mode(spec, options[0]) if options else DEFAULT_MODE
    if len(options) == 2 and not options[1]:
        raise _wrong(spec, "its group is empty")
    return UnixSpec(path, mode, options[1] if len(options) == 2 else None)


def _parse_mode(spec: str, text: str) -> int:
    if not re.fullmatch(r"[0-7]{3,4}", text) or int(text, 8) > 0o777:
        raise _wrong(spec, f"the mode {text!r} is not octal, from 000 to 0777")
    return int(text, 8)


def _parse_tcp(spec: str) -> TcpSpec:
    found = re.fullmatch(r"\[([^\[\]]*)\]:([0-9]{1,5})|([^:\[\]]*):([0-9]{1,5})", spec)
    if not found or int(found[2] or found[4]) > 65535:
        raise _wrong(spec, "it is neither a path nor an address with a port")
    return TcpSpec(found[1] or found[3] or "", int(found[2] or found[4]))


def _wrong(spec: str, reason: str) -> SpecError:
    return SpecError(f"can't listen on {spec!r}: {reason}; {FORMS}")
