"""The exceptions of `ashd.dirplex`, all of them below `Error`."""

from __future__ import annotations


class Error(Exception):
    """The base class of all exceptions of ashd.dirplex."""


class ConfigError(Error):
    """A configuration can't be used. Its text names the file, the line and the reason."""

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class UsageError(Error):
    """The command can't work in the way that it was started."""
