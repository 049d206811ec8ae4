"""From an SCGI request to the environ of PEP 3333: its names are those of CGI already."""

from __future__ import annotations

import re

from ashd.proto import REQUEST_ID, Request

from ._environ import DECLARED, NONE, Environ, Framing, host_name, unescape

_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_DROPPED = re.compile(rb"HTTP_(?:PROXY|TRANSFER_ENCODING|X_ASH_.*)", re.DOTALL)
"""What clients could deceive an application with: HTTP_PROXY is a variable of programs, the body is
decoded already, and X-Ash-* headers are for front ends of ashd to set."""


class ScgiEnvironBuilder:
    """Builds environs for one application; see `EnvironBuilder`."""

    __slots__ = ("_base",)

    def __init__(self, base: Environ) -> None:
        """Start each environ with a copy of `base`."""
        self._base = base

    def for_thread(self) -> ScgiEnvironBuilder:
        """Return a builder with a base of its own."""
        return ScgiEnvironBuilder(self._base.copy())

    def build(self, request: Request) -> tuple[Environ, Framing, bool]:
        """See `EnvironBuilder`; the web server never asks for chunks."""
        environ = self._base.copy()
        for name, value in request.headers:
            if _NAME.fullmatch(name) and not _DROPPED.fullmatch(name):
                environ[name.decode("ascii")] = value.decode("latin-1")
            elif name == REQUEST_ID:  # made here
                environ["HTTP_X_ASH_REQUEST_ID"] = value.decode("latin-1")
        environ["REQUEST_METHOD"] = request.method.decode("latin-1")
        environ["SERVER_PROTOCOL"] = request.version.decode("latin-1")
        url = environ["REQUEST_URI"] = request.url.decode("latin-1")
        path, _, query = url.partition("?")
        environ.setdefault("QUERY_STRING", query)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = _split_path(environ, path)
        _add_server(environ)
        return environ, DECLARED if environ["CONTENT_LENGTH"].strip("0") else NONE, False


def _split_path(environ: Environ, raw: str) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO: as the web server has them, in the form of PEP 3333.

    nginx sends no PATH_INFO unless it is told to, and Apache doesn't decode its own.
    """
    path, script = unescape(raw), environ.get("SCRIPT_NAME", "").rstrip("/")
    info = environ.get("PATH_INFO")
    if info is None:
        inside = (path + "/").startswith(script + "/")
        info = path.removeprefix(script) if inside else path
    elif info and raw.endswith(info):
        script, info = unescape(raw.removesuffix(info)).rstrip("/"), unescape(info)
    return _with_slash(script), _with_slash(info)


def _with_slash(path: str) -> str:
    return path if path.startswith("/") or not path else f"/{path}"


def _add_server(environ: Environ) -> None:
    https = environ.get("HTTPS", "").lower() in ("on", "1")
    if https or environ.get("REQUEST_SCHEME") == "https":
        environ["HTTPS"] = "on"
        environ["wsgi.url_scheme"] = "https"
    else:
        environ.pop("HTTPS", None)
    environ["SERVER_NAME"] = (
        host_name(environ.get("HTTP_HOST", "")) or environ.get("SERVER_NAME") or "localhost"
    )
    if not environ.get("SERVER_PORT"):
        environ["SERVER_PORT"] = "443" if "HTTPS" in environ else "80"
