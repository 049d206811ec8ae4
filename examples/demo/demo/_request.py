"""The request as the application sees it: the environ, sorted into what is what, and the body."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from html import escape

from ._web import Environ, Response, page, plain, size_text, wants_html

_SHOWN = 2000  # bytes of the body that are shown; all of it is read
_BLOCK = 1 << 16

_GROUPS = (
    ("The request line", ("REQUEST_METHOD", "REQUEST_URI", "QUERY_STRING", "SERVER_PROTOCOL")),
    ("Where the application is", ("SCRIPT_NAME", "PATH_INFO", "SCRIPT_FILENAME")),
    ("The client", ("REMOTE_ADDR", "REMOTE_PORT")),
    ("The server", ("SERVER_NAME", "SERVER_PORT", "SERVER_ADDR", "HTTPS", "SERVER_SOFTWARE")),
    ("The body", ("CONTENT_TYPE", "CONTENT_LENGTH")),
)
_REST = (
    ("What the front end says", "HTTP_X_ASH_"),
    ("Other headers", "HTTP_"),
    ("What the server offers (PEP 3333)", "wsgi."),
    ("Anything else", ""),
)


def show(environ: Environ) -> Response:
    """Show the environ and the body, as a page or as plain text."""
    body = _read(environ)
    groups = _sort(environ)
    if not wants_html(environ):
        lines = (f"{key}: {_text(environ[key])}" for _, keys in groups for key in keys)
        return plain("\n".join(lines) + f"\n\n{body}\n")
    tables = "".join(_table(title, keys, environ) for title, keys in groups)
    return page(environ, "request", "The request", tables=tables, body=escape(body))


def _sort(environ: Environ) -> list[tuple[str, list[str]]]:
    left = dict.fromkeys(sorted(environ))
    groups = []
    for title, names in _GROUPS:
        groups.append((title, [name for name in names if name in left]))
        for name in names:
            left.pop(name, None)
    for title, prefix in _REST:
        found = [name for name in left if name.startswith(prefix)]
        groups.append((title, found))
        for name in found:
            del left[name]
    return [(title, keys) for title, keys in groups if keys]


def _text(value: object) -> str:
    """Return a value as text; PEP 3333 carries bytes as latin-1, and most of them are UTF-8."""
    if not isinstance(value, str):
        return repr(value)
    return value.encode("latin-1", "replace").decode("utf-8", "replace") or "''"


def _table(title: str, keys: Iterable[str], environ: Environ) -> str:
    rows = "".join(
        f"<div><dt>{escape(key)}</dt><dd>{escape(_text(environ[key]))}</dd></div>" for key in keys
    )
    return f'<section><h2>{title}</h2><dl class="facts">{rows}</dl></section>'


def _read(environ: Environ) -> str:
    """Read the body to its end; describe it."""
    start, size, digest = b"", 0, hashlib.sha256()
    while block := environ["wsgi.input"].read(_BLOCK):
        size += len(block)
        digest.update(block)
        start += block[: max(0, _SHOWN - len(start))]
    if not size:
        return "There is no body."
    more = (
        f"\n... ({size_text(size)} in all, SHA-256 {digest.hexdigest()})" if size > _SHOWN else ""
    )
    return start.decode("utf-8", "backslashreplace") + more
