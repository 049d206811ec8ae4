"""Which page answers which URL: the WSGI application itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import _download, _growing, _process, _request, _static, _upload
from ._web import Environ, Response, StartResponse, error, page

Page = Callable[[Environ], Response]


def _home(environ: Environ) -> Response:
    return page(environ, "home", "A request travels the whole way")


ROUTES: dict[str, tuple[Page, tuple[str, ...]]] = {
    "/": (_home, ("GET",)),
    "/request": (_request.show, ("GET", "POST", "PUT", "PATCH", "DELETE")),
    "/upload": (_upload.show, ("GET", "POST", "PUT")),
    "/stream": (_growing.show, ("GET",)),
    "/stream/growing": (_growing.grow, ("GET",)),
    "/stream/download": (_download.download, ("GET",)),
    "/process": (_process.show, ("GET",)),
    "/style.css": (_static.serve, ("GET",)),
    "/demo.js": (_static.serve, ("GET",)),
    "/icon.svg": (_static.serve, ("GET",)),
}
"""Path -> page, and the methods that it takes; where GET is, so is HEAD."""


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request (PEP 3333)."""
    response = _answer(environ)
    start_response(response.status, response.headers)
    return response.body


def _answer(environ: Environ) -> Response:
    path = environ.get("PATH_INFO", "") or "/"
    if path.startswith("/request/"):
        path = "/request"  # everything below it shows itself
    if path not in ROUTES:
        return error(environ, "404 Not Found", "There is no such page here.")
    show, methods = ROUTES[path]
    method = environ["REQUEST_METHOD"]
    if method not in methods and not (method == "HEAD" and "GET" in methods):
        text = f"This page takes {', '.join(methods)}; the request said {method}."
        response = error(environ, "405 Method Not Allowed", text)
        response.headers.append(("Allow", ", ".join((*methods, "HEAD"))))
        return response
    return show(environ)


def wmain() -> Callable[..., Iterable[bytes]]:
    """Return the application: what `ashd-wsgi demo` calls, without `-A`."""
    return application
