"""What goes wrong in the adapter. All are below `ashd.serve.Error`."""

from __future__ import annotations

from ashd.serve import Error


class StartError(Error):
    """The program can't start; the message is one line that says what to do.

    An application's `wmain` may raise it as well, for arguments that it doesn't understand: the
    message is shown without a traceback.
    """


class UsageError(StartError):
    """The command line is wrong, or what stands in its place."""


class BadRequestError(Error):
    """A request can't be given to an application (400)."""


class ResponseError(Error, ValueError):
    """The application gave a status, header or body that can't be sent (PEP 3333)."""


class SwitchedError(ResponseError):
    """The application gave a body after it had switched protocols."""


class WriteUnsupportedError(Error, RuntimeError):
    """Kept for code that catches it: `write()` works under every model."""


class ClientGoneError(Error, ConnectionError):
    """The client went away while the response was being sent."""


class CutBodyError(Error, OSError):
    """The client went away, or lost count, before the request's body was complete."""


class RequestTimeoutError(BaseException):
    """Raised in an application whose request takes too long.

    Not an `Exception`, so that `except Exception` in the application doesn't stop it.
    """
