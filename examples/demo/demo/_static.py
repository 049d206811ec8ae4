"""The style sheet, the script and the icon, handed to the server as open files."""

from __future__ import annotations

from pathlib import Path
from wsgiref.util import FileWrapper

from ._web import Environ, Response

_FILES = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def serve(environ: Environ) -> Response:
    """Answer with the file that the path names; only names in the table of routes get here."""
    path = _FILES / environ["PATH_INFO"].removeprefix("/")
    headers = [("Content-Type", _TYPES[path.suffix]), ("Cache-Control", "no-cache")]
    wrap = environ.get("wsgi.file_wrapper", FileWrapper)
    return Response("200 OK", headers, wrap(path.open("rb")))
