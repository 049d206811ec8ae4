"""One request and its response: the call of the application, and what comes of it.

An exchange is a task of `ashd.serve`, and a stream for the model `rplex`. It is used by one thread
at a time. Its channel owns the response socket; its response knows what to send. Whatever the
application does, the client gets an answer, `close` of what was returned is called once, and the
model sees no exception.
"""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from ashd.proto import Request, printable
from ashd.serve import running

from ._body import Body, Input
from ._channel import Channel
from ._environ import DOUBTFUL, NONE, Framing
from ._errors import ClientGoneError, RequestTimeoutError, SwitchedError
from ._report import FAILURE, report, report_failure
from ._response import BEFORE_HEAD, JOIN, OVER, SWITCHED, Response, as_bytes
from ._result import Sender, sender_of

if TYPE_CHECKING:
    from ashd.serve import Driver

    from ._adapter import Adapter, Guard
    from ._switch import Switch

T = TypeVar("T")

Write = Callable[[object], object]

_WRITE_BUFFER = 1 << 20
"""Bytes of `write()` that a model which drives responses keeps unsent; then the application waits,
so that a page is soon out of its thread, and a download doesn't fill the memory."""

_HANGUP = select.POLLHUP | select.POLLERR

_REQUEST_ID = "X-Ash-Request-ID"


class Exchange:
    """One request, from the call of the application to the last byte."""

    def __init__(self, adapter: Adapter, request: Request) -> None:
        """Serve `request` for `adapter`; the exchange takes over the descriptor."""
        self._adapter = adapter
        self.request = request
        self._channel = Channel(request.detach())
        self.response = Response(adapter.status_line, request.method == b"HEAD")
        self._context: Context | None = None  # of a driven exchange
        self._result: Iterable[bytes] | None = None
        self._sender: Sender | None = None
        self._token: Any = None  # the observer's
        self._switch: Switch  # only of a request that asks for another protocol
        self.guard: Guard | None = None
        """The time limit, if there is one."""
        if adapter.guard is not None:
            self.guard = adapter.guard(self._channel, self.response)

    def describe(self) -> str:
        """Return method and url."""
        return f"{printable(self.request.method)} {printable(self.request.url)}"

    @property
    def received(self) -> int:
        """How many bytes of the request's body have come."""
        body = self._channel.body
        return 0 if body is None else body.received

    @property
    def request_id(self) -> str:
        """The request's id, or "" if the front end gives none; found by a search."""
        return printable(self.request.get(_REQUEST_ID) or b"")

    @property
    def switched(self) -> bool:
        """Whether the application has taken the client's byte stream over."""
        return self.response.state is SWITCHED

    def abandon(self) -> None:
        """Let go of the client, in a process that the application has forked."""
        self._channel.close()

    def fileno(self) -> int:
        """Return the descriptor of the response socket; -1 when it is closed."""
        return self._channel.fd

    # As a task

    def run(self) -> None:
        """Serve the request to its end, with context variables of its own."""
        copy_context().run(self._run)

    def _run(self) -> None:
        try:
            self._guarded(self._respond)
        except BaseException as error:  # SystemExit, too, is the application's
            self._fail(error)
        self._end()

    def _respond(self) -> None:
        """Call the application, and send all that it gives."""
        if not self._begin():
            while not self._send_some():
                pass

    def _guarded(self, function: Callable[[], T]) -> T:
        """Call what calls the application's code, within the time limit if there is one."""
        return function() if self.guard is None else self.guard.run(function)

    # As a stream

    def start(self) -> Exchange | None:
        """Call the application; return what is left to be driven."""
        self._context = copy_context()
        return self._context.run(self._start)

    def _start(self) -> Exchange | None:
        self._driver: Driver | None = None
        self._channel.be_impatient()
        try:
            if not self._guarded(self._begin):
                return self
        except BaseException as error:
            self._fail(error)
        return self if self._end() else None

    def be_driven(self, driver: Driver) -> None:
        """Let `driver` wake this exchange."""
        self._driver = driver

    def suspend(self) -> Callable[[], None]:
        """See `_suspend.suspend`."""
        if self._channel.suspension is None:
            from ._suspend import Suspension

            self._channel.suspension = Suspension(self._wake)
        return self._channel.suspension.suspend()

    def _wake(self) -> None:
        if self._driver is not None:
            self._driver.wake(self)

    def advance(self, events: int) -> int:
        """Go on with the response as far as the client takes it."""
        assert self._context is not None
        return self._context.run(self._advance, events)

    def _advance(self, events: int) -> int:
        channel = self._channel
        try:
            if events & select.POLLIN and channel.body is not None:
                channel.body.take_in()
            if not channel.flush():
                return channel.wanted()
            if channel.suspended:
                if events & _HANGUP:
                    raise ClientGoneError("the client went away")
                return channel.wanted()
            if self.response.state not in OVER and not self._guarded(self._send_some):
                return channel.wanted()
        except BaseException as error:
            self._fail(error)
        return self._end()

    # The application

    def _begin(self) -> bool:
        """Call the application; send a body that is there as a whole, or return False."""
        result = self._call()
        if type(result) is list or type(result) is tuple:
            self._send_sequence(result)
            return True
        self._result = result
        return False

    def _call(self) -> Iterable[bytes]:
        adapter = self._adapter
        environ, framing, self.response.chunks = adapter.environ.build(self.request)
        if framing is not NONE or adapter.scgi:
            self._expect_body(framing, environ)
        environ["wsgi.input"] = Input(self._channel)
        if adapter.early_hints and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            environ["wsgi.early_hints"] = self.early_hints
        if "HTTP_UPGRADE" in environ:
            self._offer_switch(environ)
        if adapter.observer is not None:
            self._token = adapter.observer.started(environ, self)
        return adapter.application(environ, self.start_response)

    def _offer_switch(self, environ: dict[str, Any]) -> None:
        from ._switch import Switch, may_switch

        if may_switch(environ) and not self._adapter.scgi:
            self._switch = Switch(self._channel, self.response, self.guard, self._switched)
            self._switch.offer(environ)

    def _switched(self) -> None:
        self.close()
        running.detach(self)

    def _expect_body(self, framing: Framing, environ: dict[str, Any]) -> None:
        doubtful = framing is DOUBTFUL
        length: str | None = environ.get("CONTENT_LENGTH")
        body = Body(
            self._channel.fd,
            declared=True,
            length=None if length is None else int(length),
            withheld=doubtful,
            room=self._adapter.body_buffer,
            exact=self._adapter.scgi,
        )
        self._channel.expect_body(body)
        if doubtful:
            self.response.doubtful = body
        if length is None and self._adapter.content_length:
            environ["CONTENT_LENGTH"] = str(body.gather())

    def start_response(self, status: object, headers: object, /, exc_info: object = None) -> Write:
        """Take status and headers (PEP 3333). Raises `ResponseError` for what can't be sent."""
        try:
            self.response.start(status, headers, exc_info)
        finally:
            exc_info = None  # else what it raises and this frame refer to each other
        return self.write

    def early_hints(self, headers: object, /) -> None:
        """Send headers to the client before the response, in one with status 103 (RFC 8297).

        `headers` are those of `start_response`. Dropped when the response has begun, as
        applications can't tell. Raises `ResponseError` for what can't be sent.
        """
        head = self.response.hint(headers)
        if head:
            try:
                self._channel.put((head,))
            except ClientGoneError:  # the response shows it
                pass

    def write(self, data: object) -> None:
        """Send a piece of body: the old way of PEP 3333.

        A model that drives responses sends the rest once the application has returned; until then a
        bounded part of what was written may stay unsent.
        """
        piece = as_bytes(data)
        if piece:
            self._channel.put(self.response.piece(piece))
            if not self._channel.patient:
                self._channel.wait_for_room(_WRITE_BUFFER)

    # What the application returned

    def _send_sequence(self, given: Sequence[object]) -> None:
        """Send a body that is there as a whole."""
        channel, response = self._channel, self.response
        if channel.body is not None:
            channel.body.forget()
        if len(given) == 1:
            piece = as_bytes(given[0])
            channel.put(response.piece(piece, len(piece), True))
        else:
            pieces = [as_bytes(piece) for piece in given]
            size = sum(map(len, pieces))
            if size <= JOIN or not channel.patient:  # what is unsent is kept in one piece anyway
                pieces = [b"".join(pieces)]
            for piece in pieces[:-1]:
                channel.put(response.piece(piece, size))
            channel.put(response.piece(pieces[-1], size, True))
        if response.left:
            self._warn_of_mismatch()

    def _send_some(self) -> bool:
        """Send a part of the body; tell whether that was all, so that only the end is left."""
        channel, response = self._channel, self.response
        if self._sender is None:
            self._sender = sender_of(self._result, response, channel)
        if not self._sender.send_some(response, channel):
            return False
        if channel.body is not None:
            channel.body.forget()
        parts = response.finish()
        if parts:
            channel.put(parts)
        if response.left:
            self._warn_of_mismatch()
        return True

    def _warn_of_mismatch(self) -> None:
        report(logging.WARNING, "%s: %s", self.describe(), self.response.mismatch())

    # The end

    def _fail(self, error: BaseException) -> None:
        """Log a failure, and answer it if the head wasn't sent; else cut the response."""
        channel, response = self._channel, self.response
        if response.state is SWITCHED and isinstance(error, SwitchedError | StopIteration):
            return  # how the response is left out, as servers of others want it
        if channel.body is not None:
            channel.body.forget()
        if response.state is SWITCHED:
            self._fail_after_switch(error)
            return
        struck = self.guard is not None and self.guard.struck is not None
        if struck and not isinstance(error, RequestTimeoutError):  # its way to the client was cut
            error = RequestTimeoutError()
        self._tell_of_failure(error)
        if struck:  # it was logged, and maybe answered
            self._cut()
            return
        status = report_failure(self.describe(), error)
        if response.state not in BEFORE_HEAD or isinstance(error, ClientGoneError):
            self._cut()
            return
        try:
            channel.put(response.refuse(status, close=status is not FAILURE))
        except ClientGoneError:
            self._cut()

    def _fail_after_switch(self, error: BaseException) -> None:
        self._switch.end(failed=True)
        gone = isinstance(error, ConnectionError)
        self._tell_of_failure(ClientGoneError() if gone else error)
        level = logging.DEBUG if gone else logging.ERROR
        report(level, "%s: the application failed", self.describe(), error=error)

    def _tell_of_failure(self, error: BaseException) -> None:
        if self._adapter.observer is not None:
            try:
                self._adapter.observer.failed(self._token, error)
            except BaseException as failure:
                self._log_observer(failure)

    def _log_observer(self, failure: BaseException) -> None:
        report(logging.ERROR, "%s: an observer failed", self.describe(), error=failure)

    def _cut(self) -> None:
        self.response.cut()
        self.close()

    def _end(self) -> int:
        """Finish what needs no application any more; return the events to wait for."""
        channel = self._channel
        if channel.unsent is not None:
            try:
                if not channel.flush():
                    return channel.wanted()
            except ClientGoneError as error:
                self._fail(error)
        if self._result is not None:
            self._close_result()
        aborted = channel.fd < 0
        if aborted and self.response.state is SWITCHED:
            self._switch.end(failed=False)
            aborted = False
        elif not aborted:
            if channel.body is not None and not channel.drain(channel.body):
                return select.POLLIN
            self.close()
        if self._adapter.observer is not None:
            try:
                self._adapter.observer.finished(self._token, self, aborted)
            except BaseException as failure:
                self._log_observer(failure)
            self._token = None  # it may have the environ, which may have this exchange
        if not channel.patient:
            channel.suspension = None
        return 0

    def _close_result(self) -> None:
        result, self._result, self._sender = self._result, None, None
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            text = "%s: close() of the response's iterable failed"
            report(logging.ERROR, text, self.describe(), error=error)

    def close(self) -> None:
        """Close the response socket; may be called again."""
        self._channel.close()
        if self.guard is not None:
            self.guard.release()
