"""`static`: a handler that sends files as they are, where nothing better is installed."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from ashd.wsgiutil import http_date, parse_http_date, simple_error

from ._pages import misconfigured, no_file

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_BLOCK = 65536  # bytes that are read at a time where the server has no wsgi.file_wrapper
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def static(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Send the file that `SCRIPT_FILENAME` names, as the type that its name's extension says.

    It answers GET and HEAD, with `Last-Modified` and `If-Modified-Since` (RFC 9110, section
    13.1.3). There is nothing below a file, so a path that goes on after its name is a 404.
    """
    path = environ.get("SCRIPT_FILENAME")
    if not path:
        return no_file(environ, start_response)
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return _refuse_method(start_response)
    if environ.get("PATH_INFO") not in (None, "", "/"):  # a slash, where it is an index file
        return simple_error(environ, start_response, 404, "Not Found", "There is no such file.")
    try:
        file, status = _open(path)
    except (OSError, ValueError) as error:
        return misconfigured(environ, start_response, f"{path} can't be read: {error}")
    try:
        return _send(environ, start_response, file, status)
    except BaseException:
        file.close()
        raise


def _open(path: str) -> tuple[IO[bytes], os.stat_result]:
    """Open a regular file; raises OSError or ValueError, and then leaves nothing open."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not block us
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise OSError("it is not a regular file")
    return open(fd, "rb", buffering=0), status  # noqa: PTH123 - the sender closes it


def _send(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    file: IO[bytes],
    status: os.stat_result,
) -> Iterable[bytes]:
    headers = [("Last-Modified", http_date(status.st_mtime))]
    unchanged = _is_unchanged(environ.get("HTTP_IF_MODIFIED_SINCE"), status.st_mtime)
    if unchanged:
        start_response("304 Not Modified", headers)
    else:
        kind = ("Content-Type", content_type(environ["SCRIPT_FILENAME"]))
        start_response("200 OK", [kind, ("Content-Length", str(status.st_size)), *headers])
    if unchanged or environ["REQUEST_METHOD"] == "HEAD":
        file.close()
        return []
    blocks: Iterable[bytes] = environ.get("wsgi.file_wrapper", _Blocks)(file, _BLOCK)
    return blocks


def _is_unchanged(since: str | None, mtime: float) -> bool:
    try:
        return since is not None and int(mtime) <= parse_http_date(since)
    except (ValueError, OverflowError):
        return False


def content_type(path: str) -> str:
    """Guess a media type from a file's name; text is taken for UTF-8."""
    kind, encoding = mimetypes.guess_type(f"file:{os.path.basename(path)}")  # noqa: PTH119
    if encoding:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    if kind is None:
        return "application/octet-stream"
    is_text = kind.startswith("text/") or kind in ("application/javascript", "application/json")
    return f"{kind}; charset=utf-8" if is_text else kind


def _refuse_method(start_response: StartResponse) -> Iterable[bytes]:
    body = b"Use GET or HEAD.\n"
    start_response(
        "405 Method Not Allowed",
        [
            ("Allow", "GET, HEAD"),
            ("Content-Type", "text/plain; charset=us-ascii"),
            ("Content-Length", str(len(body))),
        ],
    )
    return [body]


class _Blocks:
    """A `wsgi.file_wrapper` (PEP 3333), for servers without one."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(self._size), b"")
