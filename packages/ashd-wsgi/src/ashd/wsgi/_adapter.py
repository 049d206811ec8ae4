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


class Adapter:
    """Holds what is the same for all requests of a process. Threads share it; nothing changes."""

    __slots__ = ("application", "environ", "status_line")

    def __init__(
        self,
        application: Application,
        *,
        multithread: bool = True,
        multiprocess: bool = False,
        status_line: bytes = ASHD_STATUS_LINE,
    ) -> None:
        """Serve `application`; the flags go into the environ."""
        self.application = application
        self.environ = EnvironBuilder(base_environ(SOFTWARE, multithread, multiprocess))
        self.status_line = status_line
