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


_UNIX = re.compile(r"([^\0]*/[^/:\0]+)(?::([^/:]*)(?::([^/:]+))?)?")
_TCP = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([0-9]{1,5})")


def parse_spec(spec: str) -> UnixSpec | TcpSpec:
    """Return what `spec` means; `SpecError` shows the two forms when it means nothing."""
    return _parse_unix(spec) if "/" in spec else _parse_tcp(spec)


def _parse_unix(spec: str) -> UnixSpec:
    found = _UNIX.fullmatch(spec)
    if not found:
        raise _wrong(spec, "it has no file name, an empty group, or too many parts")
    path, mode, group = found.groups()
    if len(path.encode("utf-8", "surrogateescape")) > MAX_PATH:
        raise SpecError(f"the path of a socket can have {MAX_PATH} bytes, and {path!r} is longer")
    if mode is not None and not re.fullmatch(r"0?[0-7]{3}", mode):
        raise _wrong(spec, f"the mode {mode!r} is not octal, from 000 to 0777")
    return UnixSpec(path, DEFAULT_MODE if mode is None else int(mode, 8), group)


def _parse_tcp(spec: str) -> TcpSpec:
    found = _TCP.fullmatch(spec)
    if not found or int(found[3]) > 65535:
        raise _wrong(spec, "it is neither a path nor an address with a port")
    return TcpSpec(found[1] or found[2] or "", int(found[3]))


def _wrong(spec: str, reason: str) -> SpecError:
    return SpecError(f"can't listen on {spec!r}: {reason}; {FORMS}")
