"""Reads the text that says which server to connect to. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import SpecError

FORMS = (
    "use PATH (with a / in it), PORT (on this machine), HOST:PORT, "
    "or HOST:PATH (through ssh, with a / in PATH)"
)


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """A Unix socket on this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """A TCP port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SshTarget:
    """A Unix socket on another machine, reached through ssh; `host` is what ssh takes (`user@host`,
    an alias).
    """

    host: str
    path: str


Target = UnixTarget | TcpTarget | SshTarget


def parse_target(text: str) -> Target:
    """Return what `text` means; `SpecError` shows the forms when it means nothing."""
    if text.isascii() and text.isdecimal():
        return _tcp(text, "localhost", text)
    host, colon, rest = _split(text)
    if not colon:
        if "/" not in text or "\0" in text:
            raise _wrong(text)
        return UnixTarget(text)
    if rest.isascii() and rest.isdecimal():
        return _tcp(text, host.strip("[]"), rest)
    if "/" not in rest or "\0" in text or not host or host.startswith("-"):
        raise _wrong(text)
    return SshTarget(host, rest)


def _split(text: str) -> tuple[str, str, str]:
    found = re.match(r"(\[[^\]/]*\]|[^:/]*)(:)(.*)", text, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (text, "", "")


def _tcp(text: str, host: str, port: str) -> TcpTarget:
    if not host or len(port) > 5 or not 0 < int(port) < 65536:
        raise _wrong(text)
    return TcpTarget(host, int(port))


def _wrong(text: str) -> SpecError:
    return SpecError(f"can't connect to {text!r}: {FORMS}")
