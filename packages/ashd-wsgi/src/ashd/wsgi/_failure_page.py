"""Showing in the browser what is wrong with an application, while somebody works on it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any

from ashd.proto import printable

from ._adapter import Application
from ._explain import formatted

logger = logging.getLogger("ashd.wsgi")

_PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<pre>{text}</pre>
<p>The application is loaded again when one of its files changes.</p>
"""


def failure_page(title: str, text: str) -> Application:
    """Return an application that answers everything with `text`."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kind, body = "text/plain", f"{title}.\n\n{text}\n"
        if "text/html" in environ.get("HTTP_ACCEPT", ""):
            from html import escape

            kind, body = "text/html", _PAGE.format(title=title, text=escape(text))
        headers = [("Content-Type", f"{kind}; charset=utf-8"), ("Cache-Control", "no-store")]
        failure = sys.exc_info() if sys.exception() else None
        start_response("500 Internal Server Error", headers, failure)
        return [body.encode("utf-8", "backslashreplace")]

    return application


def showing_failures(application: Application) -> Application:
    """Return an application that shows what this one raises when it is called."""

    def shown(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except Exception as error:
            request = printable(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}".encode())
            logger.error("%s: the application failed", request, exc_info=error)
            return failure_page("The application failed", formatted(error))(environ, start_response)

    return shown
