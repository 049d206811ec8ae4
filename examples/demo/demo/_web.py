"""What every page needs: a response as an object, templates, query strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

Environ = dict[str, Any]
StartResponse = Callable[..., object]

_TEMPLATES = Path(__file__).parent / "templates"
_MENU = (
    ("/", "Home"),
    ("/request", "Request"),
    ("/upload", "Upload"),
    ("/stream", "Stream"),
    ("/process", "Process"),
)

_HTML = ("Content-Type", "text/html; charset=utf-8")
_HEADERS = (
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'self'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


@dataclass(frozen=True, slots=True)
class Response:
    """What goes to `start_response`, and the body."""

    status: str
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


def page(
    environ: Environ, template: str, title: str, status: str = "200 OK", **values: str
) -> Response:
    """Return a whole page; `values` are HTML that stands for the template's `$names`."""
    text = before(environ, title) + fill(template, base=base(environ), **values) + after()
    return html(text, status)


def html(text: str, status: str = "200 OK") -> Response:
    """Return a response with that HTML."""
    return Response(status, [_HTML, *_HEADERS], [text.encode()])


def html_stream(pieces: Iterable[bytes]) -> Response:
    """Return a response that is sent while it is being made."""
    return Response("200 OK", [_HTML, *_HEADERS], pieces)


def plain(text: str, status: str = "200 OK") -> Response:
    """Return a response for programs and terminals."""
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], [text.encode()])


def error(environ: Environ, status: str, text: str) -> Response:
    """Return an error page; `status` is like `404 Not Found`, `text` is plain."""
    if not wants_html(environ):
        return plain(f"{status}\n{text}\n", status)
    return page(environ, "error", status, status, text=escape(text))


def before(environ: Environ, title: str) -> str:
    """Return what stands in front of a page's content."""
    root = base(environ)
    here = environ.get("PATH_INFO", "")
    menu = "".join(_menu_item(root, path, name, here) for path, name in _MENU)
    return fill("before", title=escape(title), menu=menu, base=root)


def after() -> str:
    """Return what stands behind a page's content."""
    return fill("after")


def _menu_item(root: str, path: str, name: str, here: str) -> str:
    current = here == path or (path != "/" and here.startswith(f"{path}/"))
    mark = ' aria-current="page"' if current or (path == "/" and not here) else ""
    return f'<li><a href="{root}{path}"{mark}>{name}</a></li>'


def base(environ: Environ) -> str:
    """Return what the URLs of this site start with, for HTML: empty, or like `/demo`."""
    raw = environ.get("SCRIPT_NAME", "").encode("latin-1")
    return escape(raw.decode("utf-8", "replace"))


@cache
def _template(name: str) -> Template:
    return Template((_TEMPLATES / f"{name}.html").read_text(encoding="utf-8"))


def fill(template: str, **values: str) -> str:
    """Return a template with `values`, which are HTML, for its `$names`."""
    return _template(template).substitute(values)


def wants_html(environ: Environ) -> bool:
    """Tell a browser from curl."""
    return "text/html" in environ.get("HTTP_ACCEPT", "")


def number(environ: Environ, name: str, default: int, highest: int) -> int:
    """Return a number from the query string: `default` if there is none, `highest` at most."""
    text = parse_qs(environ.get("QUERY_STRING", "")).get(name, [""])[0]
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        return default
    return min(int(text), highest)


_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(size: float) -> str:
    """Return a number of bytes for people: `3.4 MiB`."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" or size == int(size) else f"{size:.1f} {unit}"
