"""The exceptions of `ashd.wsgidir`, all of them below `Error`."""

from __future__ import annotations

from ashd.wsgi import StartError


class Error(Exception):
    """The base class of all exceptions of ashd.wsgidir."""


class UsageError(Error, StartError, ValueError):
    """`wmain` was given wrong arguments. `ashd-wsgi` shows the message without a traceback."""


class HandlerNameError(Error):
    """A handler name leads to no WSGI callable, or may not be used."""


class LoadError(Error):
    """A file can't be served, and there is no earlier version of it.

    `path` is the file; `details` is the traceback of the file's own failure as text, or empty.
    """

    def __init__(self, message: str, path: str, details: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.details = details


class UnreadableError(LoadError):
    """The path doesn't lead to a readable, regular file."""


class NoApplicationError(Error):
    """A file was loaded, but has neither a usable `wmain` nor an `application`."""


class LocalImportError(Error, ImportError):
    """`importlocal` found no file of that name next to the caller's."""
