"""The exceptions of `ashd.dirplex`, all of them below `Error`."""

from __future__ import annotations


class Error(Exception):
    """The root of everything that ashd.dirplex raises on its own account."""


class ConfigError(Error):
    """A configuration can't be used. Its text names the file, the line and the reason."""

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class UsageError(Error):
    """The command was started in a way that can't work."""
