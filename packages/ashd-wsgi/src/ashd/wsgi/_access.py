"""The access log of `ashd-wsgi`, for those whose front end has none.

Threads that serve make the lines, and a thread of its own writes them each second. Nothing imports
this module unless somebody wants the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ashd.accesslog import AccessFormat, LogFile
from ashd.serve import WakeUp, leave_behind

from ._environ import environ_key
from ._errors import StartError

if TYPE_CHECKING:
    from ._adapter import Observer, Served

logger = logging.getLogger("ashd.wsgi")

_PLAIN = bytes(each for each in range(32, 127) if each not in b'"\\')
"""What needs no escaping. The application may have put anything into its environ."""

_MOST_TAILS = 256
_LONGEST_TAIL = 512
"""How many ends of lines are kept, and of how many characters: those of clients that come again."""

_key_of = lru_cache(maxsize=64)(environ_key)  # names come from the format alone

_NO_RESPONSE = b"499"  # as ashd-htparser has it


class AccessLog:
    """The log of a process."""

    def __init__(self, path: str, form: str) -> None:
        """Open the file, and write to it each second in a thread; raises `StartError`."""
        try:
            self._file = LogFile(path)
        except OSError as error:
            raise StartError(f"the access log {path} can't be opened: {error.strerror}") from error
        self._form = form
        self._formats: list[AccessFormat] = []
        self._wakeup = WakeUp()
        self._thread = threading.Thread(target=self._write, name="access log", daemon=True)
        self._ended = False
        leave_behind(self._file.abandon)
        self._thread.start()
        self.add = self._file.add

    def new_format(self) -> AccessFormat:
        """Return the format, compiled for one thread."""
        form = AccessFormat(self._form)
        self._formats.append(form)
        return form

    def reopen(self) -> None:
        """Open the file anew: the old one was moved away. May be called in a signal handler."""
        self._file.reopen()
        self._wakeup.set()

    def close(self) -> None:
        """Write what is left."""
        self._ended = True
        self._wakeup.set()
        self._thread.join()
        self._file.close()

    def _write(self) -> None:
        self._wakeup.attend(self._look)

    def _look(self) -> float | None:
        for form in self._formats.copy():
            form.tick()
        self._file.flush()
        return 0 if self._ended else 1.001 - time.time() % 1


class _Token:
    """What is known of a request while it is served."""

    __slots__ = ("began", "environ", "first_byte", "inner")

    def __init__(self, inner: Any, environ: dict[str, Any]) -> None:
        self.inner = inner
        self.environ = environ
        self.began = time.monotonic()
        self.first_byte = -1.0


class AccessObserver:
    """An observer that logs what is over, and tells another one."""

    def __init__(self, log: AccessLog, inner: Observer | None) -> None:
        """Log to `log`; tell `inner`, if there is one."""
        self._log = log
        self._inner = inner
        self._form = log.new_format()
        self._is_simple = inner is None and not self._form.watching
        self._tails: dict[tuple[object, object], bytes] = {}

    def for_thread(self) -> AccessObserver:
        """See `Observer`."""
        return AccessObserver(self._log, self._inner and self._inner.for_thread())

    def started(self, environ: dict[str, Any], served: Served) -> _Token | dict[str, Any]:
        """See `Observer`."""
        if self._is_simple:
            return environ
        inner = None if self._inner is None else self._inner.started(environ, served)
        token = _Token(inner, environ)
        if self._form.watching:
            served.response.gate = _noting(token, served.response.gate)
        return token

    def failed(self, token: _Token | dict[str, Any] | None, error: BaseException) -> None:
        """See `Observer`."""
        if self._inner is not None:
            self._inner.failed(token.inner if isinstance(token, _Token) else None, error)

    def finished(
        self, token: _Token | dict[str, Any] | None, served: Served, aborted: bool
    ) -> None:
        """See `Observer`."""
        if isinstance(token, dict):
            entry = _Entry(served, token)
        else:
            entry = self._end(token, served, aborted)
        if aborted and token is not None:
            entry.outcome = b"cut"
        try:
            self._log.add(self._form.line(entry) if token is None else self._line(entry))
        except Exception:  # the response is over, and nobody else looks
            logger.exception("a line of the access log can't be made")

    def _end(self, token: _Token | None, served: Served, aborted: bool) -> _Entry:
        """Tell the other observer; return the entry of a request with all that is known of it."""
        if self._inner is not None:
            self._inner.finished(None if token is None else token.inner, served, aborted)
        if token is None:
            entry = _Entry(served, {})
            entry.outcome = b"refused"
        else:
            entry = _Entry(served, token.environ)
            entry.first_byte = token.first_byte
            entry.duration = time.monotonic() - token.began
        return entry

    def _line(self, entry: _Entry) -> bytes:
        tails = self._tails
        try:
            entry.kept = tails.get(entry.tail, b"")
        except TypeError:  # the application has put something else than text there
            return self._form.line(entry)
        line = self._form.line(entry)
        if entry.kept and len(tails) < _MOST_TAILS and len(entry.kept) <= _LONGEST_TAIL:
            tails[entry.tail] = entry.kept
        return line


def _noting(token: _Token, gate: Callable[[], object] | None) -> Callable[[], object]:
    def note() -> None:
        if gate is not None:
            gate()
        token.first_byte = time.monotonic() - token.began

    return note


class _Entry:
    """A request that is over: an entry of the log.

    The environ, which is empty if the application wasn't called, has its headers by their names.
    """

    line = b""
    kept = b""
    outcome = b"ok"
    duration = first_byte = -1.0

    def __init__(self, served: Served, environ: dict[str, Any]) -> None:
        self._request = request = served.request
        self._response = response = served.response
        self._environ = environ
        self.client = self._variable("REMOTE_ADDR")
        self.user = self._variable("REMOTE_USER")
        self.method, self.target, self.version = request.method, request.url, request.version
        shown = b" ".join((self.client, self.method, self.target, self.version))
        self.plain = not shown.translate(None, _PLAIN) and bool(self.client)
        self.status = response.status[:3] or _NO_RESPONSE
        self.sent, self.received = response.sent, served.received
        self.tail = environ.get("HTTP_REFERER"), environ.get("HTTP_USER_AGENT")
        """What the end of a line in the usual format depends on."""

    @property
    def request_id(self) -> bytes:
        return self.request_header(b"x-ash-request-id")

    @property
    def connection_id(self) -> bytes:
        return self.request_header(b"x-ash-connection-id")

    @property
    def protocol(self) -> bytes:
        return b"https" if self._environ.get("wsgi.url_scheme") == "https" else b"http"

    def request_header(self, name: bytes) -> bytes:
        if not self._environ:
            return self._request.get(name) or b""
        return self._variable(_key_of(name))

    def _variable(self, name: str) -> bytes:
        value = self._environ.get(name)
        return str(value).encode("latin-1", "replace") if value else b""

    def response_header(self, name: bytes) -> bytes:
        return self._response.header(name)
