"""The exceptions of the front end."""

from __future__ import annotations

from ashd.proto import Error

FAILURE_STATUS = 1
USAGE_STATUS = 2


class StartError(Error):
    """The front end can't start; the text is one clear line for the administrator."""


class UsageError(StartError):
    """The command line is wrong."""


class RequestError(Error):
    """A request that is answered by the front end itself; `status` says how, the text why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.head_only = False
        """Whether the answer must have no body, as to a HEAD request."""


class ResponseError(Error):
    """What a handler wrote is not an HTTP response."""
