"""An environ and a start_response with which an application can be tried by hand or in tests."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


def make_environ(
    uri: str, query: str = "", script: str | None = None, data: bytes | None = None, **extra: str
) -> dict[str, Any]:
    """Return an environ for a request of `uri`, a raw path that may have a query string.

    `script` is what of the path belongs to SCRIPT_NAME. With `data` it is a POST. Further
    arguments are added as they are (`HTTP_HOST="example.org"`).
    """
    path, mark, own_query = uri.partition("?")
    script = script or ""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET" if data is None else "POST",
        "REQUEST_URI": uri if mark or not query else f"{uri}?{query}",
        "SCRIPT_NAME": script,
        "PATH_INFO": unquote_to_bytes(path.removeprefix(script)).decode("latin-1"),
        "QUERY_STRING": own_query or query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data or b""),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if data is not None:
        environ["CONTENT_LENGTH"] = str(len(data))
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    environ.update(extra)
    return environ


class ResponseRecorder:
    """A `start_response` that keeps what the application says: `status`, `headers` and `body`.

    What is written goes to `wbuf` as well, a buffer of the caller's or one of its own.
    """

    def __init__(self, wbuf: SupportsWrite[bytes] | None = None) -> None:
        """Start with nothing."""
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.wbuf: io.BytesIO | SupportsWrite[bytes] = io.BytesIO() if wbuf is None else wbuf
        self._body = bytearray()

    @property
    def body(self) -> bytes:
        """What was written so far."""
        return bytes(self._body)

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], None]:
        """Take status and headers."""
        if self.status is not None and exc_info is None:
            raise AssertionError("start_response was called twice without exc_info")
        self.status, self.headers = status, list(headers)
        return self._write

    def _write(self, data: bytes) -> None:
        self._body += data
        self.wbuf.write(data)

    def run(self, application: Callable[..., Any], environ: dict[str, Any]) -> bytes:
        """Call an application and return its whole body."""
        result = application(environ, self)
        try:
            for piece in result:
                self._write(piece)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        return self.body
