"""One request and its response: the call of the application, and what comes of it.

An exchange is a task of `ashd.serve`, and a stream for the model `rplex`. It is used by one thread
at a time, and owns the response socket. Whatever the application does, the client gets an answer,
`close` of what it returned is called once, and nothing is raised to the model.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator, Sequence
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, cast

from ashd.proto import Request, refusal

from ._body import Input
from ._environ import Framing
from ._errors import BadRequestError, ClientGoneError, CutBodyError, ResponseError
from ._filewrapper import FileWrapper
from ._response import ASHD_STATUS_LINE, JOIN, Response, as_bytes, logger

if TYPE_CHECKING:
    from ._adapter import Adapter

_TURN = 16
"""Pieces of one stream that are produced before others get their turn."""


class Exchange(Response):
    """One request, from the call of the application to the last byte."""

    __slots__ = (
        "_adapter",
        "_body_done",
        "_context",
        "_file",
        "_iterator",
        "_request",
        "_result",
        "_token",
    )

    def __init__(self, adapter: Adapter, request: Request) -> None:
        """Serve `request` for `adapter`; the descriptor goes over to the exchange."""
        super().__init__(request.detach(), adapter.status_line, request.method == b"HEAD")
        self._adapter = adapter
        self._request = request
        self._result: Iterable[bytes] | None = None
        self._iterator: Iterator[bytes] | None = None
        self._file: tuple[int, int, int] | None = None  # descriptor, offset, bytes to go
        self._token: Any = None  # the observer's
        self._body_done = False  # nothing more will be asked of the application
        self._context: Context | None = None  # a driven application's own context variables

    def describe(self) -> str:
        """Return method and url."""
        return f"{self._request.method.decode('latin-1')} {self._request.url.decode('latin-1')}"

    # As a task

    def run(self) -> None:
        """Serve the request to its end, with context variables of its own."""
        copy_context().run(self._run)

    def _run(self) -> None:
        try:
            self._respond()
        except BaseException as error:  # SystemExit, too, is the application's
            self._fail(error)
        self._close_result()
        aborted = self._fd < 0
        if not aborted:
            self.drain()
            self.close()
        if self._adapter.observer is not None:
            self._tell_end(aborted)

    def _respond(self) -> None:
        """Call the application, and send all that it gives."""
        if not self._call_and_send():
            while not self._send_some():
                pass

    def start(self) -> Exchange | None:
        """Call the application; return what is left to be driven."""
        self._context = copy_context()
        return self._context.run(self._start)

    def _start(self) -> Exchange | None:
        self.be_impatient()
        try:
            if not self._begin_to_respond():
                return self
        except BaseException as error:
            self._fail(error)
        return self if self._end() else None

    def _begin_to_respond(self) -> bool:
        """Call the application, and send what needs no more of it; tell whether that was all."""
        return self._call_and_send()

    def _call_and_send(self) -> bool:
        """Call the application; send a body that is there as a whole, or return False."""
        self._result = result = self._call()
        if type(result) is list or type(result) is tuple:
            self._send_sequence(result)
            return True
        return False

    # As a stream

    def advance(self, events: int) -> int:
        """Go on with the response as far as the client takes it."""
        assert self._context is not None
        return self._context.run(self._advance, events)

    def _advance(self, events: int) -> int:
        try:
            if events & select.POLLIN:
                self.take_body_in()
            if not self.flush() or not (self._body_done or self._send_some()):
                return self.wanted()
        except BaseException as error:
            self._fail(error)
        return self._end()

    def _end(self) -> int:
        """Finish what needs no application any more; return the events to wait for."""
        try:
            if self._fd >= 0 and not self.flush():
                return self.wanted()
        except ClientGoneError as error:
            self._fail(error)
        self._close_result()
        aborted = self._fd < 0
        if not aborted and not self.drain():
            return select.POLLIN
        self.close()
        if self._adapter.observer is not None:
            self._tell_end(aborted)
        return 0

    def _tell_end(self, aborted: bool) -> None:
        assert self._adapter.observer is not None
        status = self._status.decode("latin-1") if self._status else "-"
        self._adapter.observer.finished(self._token, status, aborted)

    # The application

    def _call(self) -> Iterable[bytes]:
        environ, framing, self._can_chunk = self._adapter.environ.build(self._request)
        if framing is not Framing.NONE:
            length = environ.get("CONTENT_LENGTH")
            self._doubtful = framing is Framing.DOUBTFUL
            self.expect_body(
                None if length is None else int(length), self._doubtful, self._adapter.body_buffer
            )
        environ["wsgi.input"] = Input(self.open_body)
        if self._adapter.observer is not None:
            self._token = self._adapter.observer.started(environ)
        return self._adapter.application(environ, self.start_response)

    def _close_result(self) -> None:
        result, self._result, self._iterator = self._result, None, None
        close = getattr(result, "close", None)
        if close is not None:
            try:
                close()
            except BaseException:
                logger.exception("%s: close() of the response's iterable failed", self.describe())

    def _fail(self, error: BaseException) -> None:
        """Log a failure, and answer it if the head wasn't sent; else cut the response."""
        self._body_done = True
        self.forget_body()
        status = 500
        if isinstance(error, ClientGoneError | CutBodyError):
            logger.debug("%s: %s", self.describe(), error)
            status = 400
        elif isinstance(error, BadRequestError):
            logger.info("%s: refused: %s", self.describe(), error)
            status = 400
        else:
            logger.error("%s: the application failed", self.describe(), exc_info=error)
        if self._head_sent or isinstance(error, ClientGoneError):
            self.close()
            return
        self._head_sent = True
        closing = "Connection: close\r\n" if self._doubtful or status == 400 else ""
        page = refusal(status, closing).removeprefix(ASHD_STATUS_LINE)
        self._status = page.partition(b"\r\n")[0]
        try:
            self.put(self._status_line + page)
        except ClientGoneError:
            self.close()

    # What the application returned

    def _send_sequence(self, pieces: Sequence[bytes]) -> None:
        """Send a body that is there as a whole."""
        self._body_done = True
        self._keep_body = False
        if len(pieces) == 1:
            piece = as_bytes(pieces[0])
            self.send_piece(piece, len(piece), True)
        else:
            pieces = [as_bytes(piece) for piece in pieces]
            size = sum(map(len, pieces))
            if size <= JOIN or not self._patient:  # what is unsent is kept in one piece anyway
                self.send_piece(b"".join(pieces), size, last=True)
            else:
                for piece in pieces:
                    self.send_piece(piece, size)
        self.complete()

    def _send_some(self) -> bool:
        """Send a part of the body; tell whether that was all, so that only the end is left."""
        if self._iterator is None and self._file is None:
            result = self._result
            if isinstance(result, FileWrapper) and not self._chunked:
                self._file = result.extent()
                if self._file is not None:
                    self.forget_body()
            if self._file is None:
                self._iterator = _iterate(result)
        self._body_done = self._send_some_of_file() if self._file else self._send_some_pieces()
        if self._body_done:
            self.forget_body()
            self.complete()
        return self._body_done

    def _send_some_pieces(self) -> bool:
        only_piece = not self._head_sent and _length(self._result) == 1
        for piece in self._pieces():
            piece = as_bytes(piece)  # noqa: PLW2901
            if not piece:
                continue
            self.send_piece(piece, len(piece) if only_piece else None)
            if self._silent or self._excess:
                return True
            if self._unsent is not None:
                return False
        return self._iterator is None

    def _pieces(self) -> Iterator[bytes]:
        """Give the pieces of one turn; afterwards, no iterator means that there are no more."""
        iterator = cast("Iterator[bytes]", self._iterator)
        for _ in range(_TURN):
            try:
                yield next(iterator)
            except StopIteration:
                self._iterator = None
                return

    def _send_some_of_file(self) -> bool:
        assert self._file is not None
        fd, offset, count = self._file
        if not self._head_sent:
            self.send_piece(b"", count)
        if self._silent:
            return True
        if self._remaining is not None and count > self._remaining:
            self._note_excess()
            count = self._remaining
        if not count:
            return True
        try:
            sent = self.send_file(fd, offset, count)
        except BlockingIOError:
            return False
        except NotImplementedError:
            self._file, self._iterator = None, _iterate(self._result)
            self._keep_body = True
            return False
        if self._remaining is not None:
            self._remaining -= sent
        self._file = (fd, offset + sent, count - sent)
        return sent in {0, count}


def _iterate(result: Any) -> Iterator[bytes]:
    try:
        return iter(result)
    except TypeError as error:
        raise ResponseError(
            f"the application must return an iterable of bytes, not {type(result).__name__}"
        ) from error


def _length(result: Any) -> int | None:
    try:
        return len(result)
    except TypeError:
        return None
