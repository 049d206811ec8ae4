"""An application and everything that its exchanges share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ._environ import EnvironBuilder, base_environ
from ._response import ASHD_STATUS_LINE
from ._version import SOFTWARE


class Application(Protocol):
    """What PEP 3333 calls an application."""

    def __call__(self, environ: dict[str, Any], start_response: Any, /) -> Iterable[bytes]: ...


class Observer(Protocol):
    """Is told of each request. Its methods are called in the threads that serve; none may block."""

    def started(self, environ: dict[str, Any], /) -> Any:
        """The application is about to be called; what this returns is given to `finished`."""
        ...

    def finished(self, token: Any, status: str, aborted: bool, /) -> None:
        """The response is over. `token` is None if the application wasn't called."""
        ...


class Adapter:
    """Holds what is the same for all requests of a process.

    Threads share it; nothing changes once requests are served.
    """

    __slots__ = ("application", "environ", "observer", "status_line")

    def __init__(
        self,
        application: Application,
        *,
        multithread: bool = True,
        multiprocess: bool = False,
        status_line: bytes = ASHD_STATUS_LINE,
        directory: str | None = None,
    ) -> None:
        """Serve `application`; the flags go into the environ.

        Relative names of files (SCRIPT_FILENAME) are below `directory`, by default today's.
        """
        self.application = application
        self.environ = EnvironBuilder(base_environ(SOFTWARE, multithread, multiprocess), directory)
        self.status_line = status_line
        self.observer: Observer | None = None
