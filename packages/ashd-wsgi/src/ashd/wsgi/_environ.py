"""From a request to the environ of PEP 3333."""

from __future__ import annotations

import os
import sys
from enum import Enum
from functools import lru_cache
from typing import Any

from ashd.proto import Headers, Request

from ._errors import BadRequestError
from ._filewrapper import FileWrapper

Environ = dict[str, Any]

_TOKEN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_MAX_KNOWN = 1024  # names remembered; clients can invent any number of them
_LONGEST_KNOWN = 64  # bytes of a name that is remembered; they can be as long as a head
_LONGEST_LENGTH = 18  # digits of a Content-Length; files end there, and much longer ones cost time

Keys = dict[bytes, str]
"""Header name as it came -> environ key, empty for headers that are not passed on. A cache: threads
may fill it at the same time, with the same values."""

_DROPPED = {b"proxy": "", b"transfer-encoding": ""}
_SINGLE = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
_PLAIN = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}

_PROMISES = "HTTP_X_ASH_FRAMING"
"""What our front end promises of a request: docs/reference/protocol-agreement.md."""

_TLS = {
    "HTTP_X_ASH_TLS_PROTOCOL": "SSL_PROTOCOL",
    "HTTP_X_ASH_TLS_CIPHER": "SSL_CIPHER",
    "HTTP_X_ASH_TLS_CLIENT_VERIFY": "SSL_CLIENT_VERIFY",
    "HTTP_X_ASH_TLS_CLIENT_SUBJECT": "SSL_CLIENT_S_DN",
}
"""Headers of our front end, and what applications know them as."""


def environ_key(name: bytes) -> str:
    """Return a header's environ key; empty for one that applications don't get to see.

    A name with anything but letters, digits and hyphens is dropped: `X_Ash_File` would become the
    same variable as `X-Ash-File`, which only our side may set. `Proxy` is dropped because it would
    become HTTP_PROXY, `Transfer-Encoding` because the body is already decoded.
    """
    lower = name.lower()
    if lower in _PLAIN:
        key = _PLAIN[lower]
    elif lower in _DROPPED or not _TOKEN.issuperset(name):
        key = ""
    else:
        key = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
    return key


class Framing(Enum):
    """What a request's headers say of its body."""

    NONE = "none"
    """There is none, as far as they say."""

    DECLARED = "declared"
    """There is one, which the front end passes on."""

    DOUBTFUL = "doubtful"
    """There is one, but the reference front end withholds it in such a request and takes it for
    the next request: the response has to close the client's connection."""


NONE, DECLARED, DOUBTFUL = Framing  # an Enum's own attributes take long on Python 3.11


class EnvironBuilder:
    """Builds environs for one application. It has constants, and a cache of names."""

    __slots__ = ("_base", "_directory", "_keys")

    def __init__(self, base: Environ, directory: str | None = None) -> None:
        """Start each environ with a copy of `base`.

        Relative names of files are below `directory`, by default today's.
        """
        self._base = base
        self._keys: Keys = {}
        self._directory = working_directory() if directory is None else directory

    def for_thread(self) -> EnvironBuilder:
        """Return a builder with a base and a cache of its own."""
        return EnvironBuilder(self._base.copy(), self._directory)

    def build(self, request: Request) -> tuple[Environ, Framing, bool]:
        """Return a request's environ, what its headers say of its body, and whether to send chunks.

        The front end asks for chunks if it watches for the end of a response. Raises
        `BadRequestError`.
        """
        environ = self._base.copy()
        codings: list[bytes] = []
        if not _add_plain_headers(environ, request.headers, self._keys):
            environ = self._base.copy()
            codings = _add_headers(environ, request.headers, self._keys)
        environ["REQUEST_METHOD"] = request.method.decode("latin-1")
        environ["SERVER_PROTOCOL"] = request.version.decode("latin-1")
        url = request.url.decode("latin-1")
        environ["REQUEST_URI"] = url
        path, _, environ["QUERY_STRING"] = url.partition("?")
        rest = request.rest.decode("latin-1")
        if path == "/" + rest and "%" not in path:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "", path
        else:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = split_path(path, rest)
        self._add_server(environ)
        framing = NONE
        if codings or "CONTENT_LENGTH" in environ:
            framing = _framing(environ, codings)
        if _PROMISES not in environ:
            return environ, framing, False
        promises = _promises(environ.pop(_PROMISES))
        if framing is DOUBTFUL and "certain" in promises:
            framing = DECLARED
        return environ, framing, "chunked" in promises

    def _add_server(self, environ: Environ) -> None:
        get = environ.get
        if "HTTP_X_ASH_ADDRESS" in environ:
            environ["REMOTE_ADDR"] = environ["HTTP_X_ASH_ADDRESS"]
        if "HTTP_X_ASH_PORT" in environ:
            environ["REMOTE_PORT"] = environ["HTTP_X_ASH_PORT"]
        if "HTTP_X_ASH_SERVER_ADDRESS" in environ:
            environ["SERVER_ADDR"] = environ["HTTP_X_ASH_SERVER_ADDRESS"]
        scheme = get("HTTP_X_ASH_PROTOCOL")
        if scheme == "https":
            environ["HTTPS"] = "on"
            environ["wsgi.url_scheme"] = "https"
            _add_tls(environ)
        environ["SERVER_NAME"] = (
            host_name(get("HTTP_HOST", "")) or get("HTTP_X_ASH_SERVER_ADDRESS") or "localhost"
        )
        environ["SERVER_PORT"] = get("HTTP_X_ASH_SERVER_PORT") or (
            "443" if scheme == "https" else "80"
        )
        if "HTTP_X_ASH_FILE" in environ:
            environ["SCRIPT_FILENAME"] = self._absolute(environ["HTTP_X_ASH_FILE"])

    def _absolute(self, file: str) -> str:
        path = file.encode("latin-1").decode(sys.getfilesystemencoding(), "surrogateescape")
        return os.path.join(self._directory, path)  # noqa: PTH118 - on the way of a request


def _add_tls(environ: Environ) -> None:
    """Add what Apache's mod_ssl calls the properties of a TLS connection."""
    for header, name in _TLS.items():
        if header in environ:
            environ[name] = environ[header]
    if "SSL_PROTOCOL" in environ:
        environ.setdefault("SSL_CLIENT_VERIFY", "NONE")


def _add_plain_headers(environ: Environ, headers: Headers, known: Keys) -> bool:
    """Add the headers' variables if all names are known, passed on and different; else say False.

    Most requests are so, and this takes two thirds of the time of `_add_headers`.
    """
    size = len(environ) + len(headers)
    try:
        for name, value in headers:
            environ[known[name]] = value.decode("latin-1")
    except KeyError:
        return False
    return len(environ) == size and "" not in environ


def _add_headers(environ: Environ, headers: Headers, known: Keys) -> list[bytes]:
    """Add the headers' variables; return what else than one Content-Length describes the body.

    Those are the values of Transfer-Encoding and of a repeated Content-Length.
    """
    codings: list[bytes] = []
    for name, value in headers:
        key = known.get(name)
        if key is None:
            key = environ_key(name)
            if len(known) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
                known[name] = key
        if not key:
            if name.lower() == b"transfer-encoding":
                codings.append(value)
        elif key in environ:
            environ[key] = _repeated(key, environ[key], value.decode("latin-1"))
            if key == "CONTENT_LENGTH":
                codings.append(value)
        else:
            environ[key] = value.decode("latin-1")
    return codings


def _repeated(key: str, old: str, new: str) -> str:
    if key.startswith("HTTP_X_ASH_"):
        return new
    if key in _SINGLE:
        if old != new:
            raise BadRequestError(f"the request has two different {_SINGLE[key]} headers")
        return new
    return f"{old}{'; ' if key == 'HTTP_COOKIE' else ', '}{new}"


@lru_cache(maxsize=16)
def _promises(value: str) -> frozenset[str]:
    return frozenset(token.strip(" \t").lower() for token in value.split(","))


def _framing(environ: Environ, codings: list[bytes]) -> Framing:
    length = environ.get("CONTENT_LENGTH")
    if length is None:
        chunked = [value.lower() for value in codings] == [b"chunked"]
        return DECLARED if chunked and "CONTENT_TYPE" in environ else DOUBTFUL
    if not (length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH):
        raise BadRequestError(f"the request's Content-Length is not a number: {length[:40]!r}")
    if codings:
        return DOUBTFUL
    if not length.strip("0"):
        return NONE
    return DECLARED if "CONTENT_TYPE" in environ else DOUBTFUL


def split_path(path: str, rest: str) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO of a raw path whose end `rest` is still to be processed.

    Both are empty or start with a slash, and SCRIPT_NAME never ends in one: what would be one there
    belongs to PATH_INFO (PEP 3333). Of a target in absolute form (RFC 9112, section 3.2.2) only the
    path counts; the target `*` stands for an empty one (RFC 9110, section 7.1).
    """
    if path == "*":
        return "", ""
    if not path.startswith("/"):
        origin = _origin(path)
        path = "/" + path.removeprefix(origin).removeprefix("/")
        rest = rest.removeprefix(origin)
    prefix = unescape(path.removesuffix(rest))
    script = prefix.rstrip("/")
    info = prefix[len(script) :] + unescape(rest)
    if info and not info.startswith("/"):
        info = "/" + info
    return script, info


def _origin(target: str) -> str:
    """Return `http://host` if that is how a request's target starts, else nothing."""
    scheme, mark, rest = target.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if mark and scheme.isalpha() else ""


def unescape(text: str) -> str:
    """Resolve %XX in latin-1 text; a malformed escape stays as it is."""
    if "%" not in text:
        return text
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def host_name(host: str) -> str:
    """Return the host of a Host header, without port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host[: host.find("]") + 1] or host
    return host.partition(":")[0]


def working_directory() -> str:
    """Return the working directory; the root if it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib would be imported for this alone
    except FileNotFoundError:
        return "/"


def base_environ(software: str, multithread: bool, multiprocess: bool) -> Environ:
    """Return what is the same in all environs of a process."""
    return {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": software,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.uri_encoding": "latin-1",
        "wsgi.file_wrapper": FileWrapper,
    }
