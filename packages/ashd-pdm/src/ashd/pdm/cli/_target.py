"""Reads the text that says which server to connect to. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import SpecError

FORMS = (
    "use PATH (with a / in it), PORT (on this machine), HOST:PORT, "
    "or HOST:PATH (through ssh, with a / in PATH)"
)
_TEXT = re.compile(r"(?:(\[[^\]/]*\]|[^:/]*):)?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """A Unix socket on this machine."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """A TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True)
class SshTarget:
    """A Unix socket on another machine, through ssh; `host` is what ssh takes (`user@host` ...)."""

    host: str
    path: str

    def __str__(self) -> str:
        return f"{self.path} on {self.host}"


Target = UnixTarget | TcpTarget | SshTarget


def parse_target(text: str) -> Target:
    """Return what `text` means; `SpecError` shows the forms when it means nothing."""
    found = _TEXT.fullmatch(text)
    assert found is not None
    host, rest = found[1], found[2]
    if rest.isascii() and rest.isdecimal():
        name = "localhost" if host is None else host.strip("[]")
        if name and len(rest) <= 5 and 0 < int(rest) < 65536:
            return TcpTarget(name, int(rest))
    elif "/" in rest and "\0" not in text:
        if host is None:
            return UnixTarget(text)
        if host and not host.startswith("-"):
            return SshTarget(host, rest)
    raise SpecError(f"can't connect to {text!r}: {FORMS}")
