"""An application and everything that its exchanges share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from ashd.proto import Request

from ._body import BODY_BUFFER
from ._channel import Channel
from ._environ import Environ, EnvironBuilder, Framing, base_environ
from ._response import ASHD_STATUS_LINE, SCGI_STATUS_LINE, Response
from ._version import SOFTWARE

T = TypeVar("T")


class Application(Protocol):
    """What PEP 3333 calls an application."""

    def __call__(self, environ: dict[str, Any], start_response: Any, /) -> Iterable[bytes]: ...


class Served(Protocol):
    """A request, and what has become of it."""

    request: Request
    response: Response

    @property
    def received(self) -> int:
        """How many bytes of the request's body have come."""
        ...


class Observer(Protocol):
    """Is told of each request. Its methods are called in the threads that serve; none may block."""

    def for_thread(self) -> Observer:
        """Return what is told of the requests that one thread receives; perhaps itself."""
        ...

    def started(self, environ: dict[str, Any], served: Served, /) -> Any:
        """The application is about to be called; what this returns is given to `finished`."""
        ...

    def failed(self, token: Any, error: BaseException, /) -> None:
        """The application has failed, or what it gave can't be sent, or the client is gone.

        `token` is as in `finished`, which follows.
        """
        ...

    def finished(self, token: Any, served: Served, aborted: bool, /) -> None:
        """The response is over, or the client has left (`aborted`).

        `token` is None if the application wasn't called.
        """
        ...


class Guard(Protocol):
    """Keeps a request to its time limit."""

    struck: float | None
    """When the limit struck, on the monotonic clock, or None."""

    def run(self, function: Callable[[], T], /) -> T:
        """Call what calls the application's code, in which alone the limit may strike."""
        ...

    def release(self) -> None:
        """Note that the response socket is closed."""
        ...

    def let_go(self) -> None:
        """Strike no more: what runs is no request any longer. Raises what a strike raises."""
        ...

    def strike(self, request: str, request_id: str, seconds: float, /) -> bool:
        """End the request from another thread; tell whether there was something to end."""
        ...


class GuardMaker(Protocol):
    """Makes the guards of requests."""

    def for_thread(self) -> GuardMaker:
        """Return what makes those of the requests that one thread receives."""
        ...

    def __call__(self, channel: Channel, response: Response, /) -> Guard:
        """Guard what sends `response` on `channel`."""
        ...


class Builder(Protocol):
    """Builds environs."""

    def for_thread(self) -> Builder:
        """Return what builds those of the requests that one thread receives."""
        ...

    def build(self, request: Request, /) -> tuple[Environ, Framing, bool]:
        """See `EnvironBuilder.build`."""
        ...


class Adapter:
    """Holds what is the same for all requests of a process.

    Nothing changes once requests are served. Threads that receive by themselves have one each:
    without an interpreter lock they would otherwise wait for each other to count references.
    """

    __slots__ = (
        "application",
        "body_buffer",
        "content_length",
        "early_hints",
        "environ",
        "guard",
        "observer",
        "scgi",
        "status_line",
    )

    def __init__(
        self,
        application: Application,
        *,
        multithread: bool = True,
        multiprocess: bool = False,
        scgi: bool = False,
        directory: str | None = None,
        body_buffer: int = BODY_BUFFER,
        content_length: bool = False,
        early_hints: bool = False,
        multiplex: bool = False,
    ) -> None:
        """Serve `application`; the flags go into the environ.

        With `scgi`, requests are those of `_scgi`. Relative names of files (SCRIPT_FILENAME) are
        below `directory`, by default today's. About `body_buffer` bytes of each request's body are
        set aside while its response is written. With `content_length`, a body of unknown length is
        received before the application is called, and has one. With `early_hints`, applications can
        send some. With `multiplex`, responses are driven, and can be suspended.
        """
        self.early_hints = early_hints
        self.body_buffer = body_buffer
        self.content_length = content_length
        self.application = application
        self.scgi = scgi
        base = base_environ(SOFTWARE, multithread, multiprocess)
        if multiplex:
            from ._suspend import suspend

            base["ashd.suspend"] = suspend
        self.environ: Builder
        if scgi:
            from ._scgi_environ import ScgiEnvironBuilder

            self.environ = ScgiEnvironBuilder(base)
        else:
            self.environ = EnvironBuilder(base, directory)
        self.status_line = SCGI_STATUS_LINE if scgi else ASHD_STATUS_LINE
        self.observer: Observer | None = None
        self.guard: GuardMaker | None = None
        """Makes the time limit of a request, if there is one."""

    def for_thread(self) -> Adapter:
        """Return a copy for a thread that receives by itself."""
        adapter = Adapter(self.application, scgi=self.scgi, body_buffer=self.body_buffer)
        adapter.early_hints = self.early_hints
        adapter.content_length = self.content_length
        adapter.environ = self.environ.for_thread()
        adapter.guard = self.guard and self.guard.for_thread()
        adapter.observer = self.observer and self.observer.for_thread()
        return adapter
