"""The exceptions of `ashd.wsgidir`, all of them below `Error`."""

from __future__ import annotations

from ashd.wsgi import StartError


class Error(Exception):
    """The root of everything that ashd.wsgidir raises on its own account."""


class UsageError(Error, StartError, ValueError):
    """`wmain` was given arguments that make no sense. `ashd-wsgi` shows the message alone."""


class HandlerNameError(Error):
    """A handler name leads to no WSGI callable, or may not be used."""


class LoadError(Error):
    """A file can't be served, and no earlier version of it is there to go on with.

    `path` is the file; `details` is the traceback of the file's own failure as text, or empty.
    """

    def __init__(self, message: str, path: str, details: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.details = details


class UnreadableError(LoadError):
    """There is no readable, regular file at the path."""


class NoApplicationError(Error):
    """A file was loaded, but has neither a usable `wmain` nor an `application`."""


class LocalImportError(Error, ImportError):
    """`importlocal` was given a name for which there is no file beside the caller's."""
