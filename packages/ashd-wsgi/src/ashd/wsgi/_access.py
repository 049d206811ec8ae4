"""The access log of `ashd-wsgi`, for those whose front end has none.

Threads that serve add what is known of a request that is over, and now and then make lines of many;
a thread of its own writes what is left each second. Nothing imports this module unless somebody
wants the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ashd.accesslog import BURST, CUT, AccessFormat, LogFile, Sender
from ashd.accesslog import AccessLog as Log
from ashd.proto import Request
from ashd.serve import WakeUp, leave_behind

from ._environ import environ_key
from ._errors import StartError

if TYPE_CHECKING:
    from ._adapter import Observer, Served

logger = logging.getLogger("ashd.wsgi")

_MOST_SENDERS = 256
_LONGEST_SENDER = 512
"""How many senders are kept, and of how many characters: clients that come again."""

_NO_RESPONSE = b"499"  # as ashd-htparser has it
_VARIABLES = {
    "client": "REMOTE_ADDR",
    "user": "REMOTE_USER",
    "connection_id": "HTTP_X_ASH_CONNECTION_ID",
    "protocol": "wsgi.url_scheme",
}
_AGENT = "HTTP_USER_AGENT"
_USUAL = ("REMOTE_ADDR", "REMOTE_USER", "HTTP_REFERER", _AGENT)
_REQUEST_ID = "HTTP_X_ASH_REQUEST_ID"
_TEXTS = {str, type(None)}

Environ = dict[str, Any]


class AccessLog:
    """The log of a process."""

    def __init__(self, path: str, form: str) -> None:
        """Open the file, and write to it each second in a thread; raises `StartError`."""
        try:
            file = LogFile(path)
        except OSError as error:
            raise StartError(f"the access log {path} can't be opened: {error.strerror}") from None
        self.form = AccessFormat(form)
        self._log = Log(file, self.form)
        self._wakeup = WakeUp()
        self._thread = threading.Thread(target=self._write, name="access log", daemon=True)
        self._ended = False
        leave_behind(self._log.abandon)
        self._thread.start()
        self.add = self._log.add
        self.entries, self.make_lines = self._log.entries, self._log.make_lines

    def observer(self, inner: Observer | None) -> Observer:
        """Return an observer that logs what is over, and tells `inner`, if there is one."""
        if inner is None and not self.form.detailed and _variables(self.form) == _USUAL:
            return _QuickObserver(self)
        return _Observer(self, inner)

    def reopen(self) -> None:
        """Open the file anew: the old one was moved away. May be called in a signal handler."""
        self._log.reopen()
        self._wakeup.set()

    def close(self) -> None:
        """Write what is left."""
        self._ended = True
        self._wakeup.set()
        self._thread.join()
        self._log.close()

    def _write(self) -> None:
        self._wakeup.attend(self._look)

    def _look(self) -> float | None:
        self._log.tick()
        return 0 if self._ended else 1.001 - time.time() % 1


class _Senders:
    """What the senders of requests have in common, by what environs say of them.

    Attributes:
        kept: those that came lately, by their values.
    """

    def __init__(self, form: AccessFormat) -> None:
        self._form = form
        self._keys = _variables(form)
        self.kept: dict[tuple[object, ...], Sender] = {}

    def of(self, environ: Environ) -> Sender:
        """Return the sender of a request that the application got."""
        values = tuple(map(environ.get, self._keys))
        try:
            return self.kept[values]
        except Exception:  # the application may have put anything there
            return self._new(values)

    def of_refused(self, request: Request) -> Sender:
        """Return the sender of a request that the application didn't get."""
        names = self._form.sender_values
        headers = [name.partition(":")[2].encode() for name in names]
        return self._form.sender([(each and request.get(each)) or b"" for each in headers])

    def _new(self, values: tuple[object, ...]) -> Sender:
        shown = list(map(_bytes, values))
        for number, key in enumerate(self._keys):
            if key == "wsgi.url_scheme":
                shown[number] = b"https" if shown[number] == b"https" else b"http"
        sender = self._form.sender(shown)
        if _TEXTS.issuperset(map(type, values)) and sum(map(len, shown)) <= _LONGEST_SENDER:
            if len(self.kept) >= _MOST_SENDERS:
                self.kept.clear()
            self.kept[values] = sender
        return sender


def _variables(form: AccessFormat) -> tuple[str, ...]:
    """Return where in an environ the format's values of senders are."""
    parts = (name.partition(":") for name in form.sender_values)
    return tuple(_VARIABLES.get(kind) or environ_key(name.encode()) for kind, _, name in parts)


def _bytes(value: object) -> bytes:
    return str(value).encode("latin-1", "replace")[:CUT] if value else b""


class _QuickObserver:
    """Logs in the usual formats. Each look-up and call counts: it is on the way of a request."""

    def __init__(self, log: AccessLog) -> None:
        self._log = log
        self._entries, self._make_lines = log.entries, log.make_lines
        self._senders = _Senders(log.form)
        self._kept = self._senders.kept

    def for_thread(self) -> Observer:
        """See `ashd.wsgi.Observer`."""
        return _QuickObserver(self._log)

    def started(self, environ: Environ, _: Served) -> Environ:
        """See `ashd.wsgi.Observer`."""
        return environ

    def failed(self, _: Environ | None, __: BaseException) -> None:
        """See `ashd.wsgi.Observer`."""

    def finished(self, environ: Environ | None, served: Served, _: bool) -> None:
        """See `ashd.wsgi.Observer`."""
        request, response, entries = served.request, served.response, self._entries
        try:
            if environ is None:
                sender = self._senders.of_refused(request)
            else:
                get = environ.get
                values = get("REMOTE_ADDR"), get("REMOTE_USER"), get("HTTP_REFERER"), get(_AGENT)
                try:
                    sender = self._kept[values]
                except Exception:
                    sender = self._senders.of(environ)
            entries.append(
                (
                    sender,
                    request.method,
                    request.url,
                    request.version,
                    response.status or _NO_RESPONSE,
                    response.bytes_sent(),
                    None,
                )
            )
            if len(entries) >= BURST:
                self._make_lines()
        except Exception:  # the response is over, and nobody else looks
            logger.exception("a line of the access log can't be made")


class _Token:
    """What is known of a request while it is served."""

    __slots__ = ("began", "environ", "first_byte", "inner")

    def __init__(self, inner: Any, environ: Environ) -> None:
        self.inner = inner
        self.environ = environ
        self.began = time.monotonic()
        self.first_byte = -1.0


class _Observer:
    """Logs the details as well, and tells another observer."""

    def __init__(self, log: AccessLog, inner: Observer | None) -> None:
        self._log = log
        self._inner = inner
        self._form = log.form
        self._senders = _Senders(log.form)

    def for_thread(self) -> Observer:
        """See `ashd.wsgi.Observer`."""
        return _Observer(self._log, self._inner and self._inner.for_thread())

    def started(self, environ: Environ, served: Served) -> _Token:
        """See `ashd.wsgi.Observer`."""
        inner = None if self._inner is None else self._inner.started(environ, served)
        token = _Token(inner, environ)
        if self._form.watching:
            served.response.gate = _noting(token, served.response.gate)
        return token

    def failed(self, token: _Token | None, error: BaseException) -> None:
        """See `ashd.wsgi.Observer`."""
        if self._inner is not None:
            self._inner.failed(None if token is None else token.inner, error)

    def finished(self, token: _Token | None, served: Served, aborted: bool) -> None:
        """See `ashd.wsgi.Observer`."""
        ended = time.monotonic()
        request, response = served.request, served.response
        try:
            if token is None:
                sender = self._senders.of_refused(request)
                outcome, duration, first_byte = b"refused", -1.0, -1.0
                request_id = request.get(b"x-ash-request-id") or b""
            else:
                sender = self._senders.of(token.environ)
                outcome = b"cut" if aborted else b"ok"
                duration, first_byte = ended - token.began, token.first_byte
                request_id = _bytes(token.environ.get(_REQUEST_ID))
            headers = [response.header(name)[:CUT] for name in self._form.response_headers]
            details = outcome, served.received, ended, duration, first_byte, request_id, headers
            line = request.method, request.url, request.version
            status = response.status or _NO_RESPONSE
            self._log.add((sender, *line, status, response.bytes_sent(), details))
        except Exception:  # the response is over, and nobody else looks
            logger.exception("a line of the access log can't be made")
        if self._inner is not None:  # last, as it may raise
            self._inner.finished(None if token is None else token.inner, served, aborted)


def _noting(token: _Token, gate: Callable[[], object] | None) -> Callable[[], object]:
    def note() -> None:
        if gate is not None:
            gate()
        token.first_byte = time.monotonic() - token.began

    return note
