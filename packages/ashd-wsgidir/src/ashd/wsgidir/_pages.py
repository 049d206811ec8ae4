"""The answers for what no application could serve, and their reasons in the log.

Clients learn that something failed, never what; the log has the reason. With the option for
development, `DEBUG_KEY` stands in the environ, and the page shows the traceback.
"""

from __future__ import annotations

import html
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ashd.wsgiutil import simple_error

from ._errors import LoadError, UnreadableError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DEBUG_KEY = "ashd.wsgidir.debug"

logger = logging.getLogger("ashd.wsgidir")


def misconfigured(
    environ: WSGIEnvironment, start_response: StartResponse, reason: str
) -> Iterable[bytes]:
    """Answer 500 and log one line with the reason."""
    line = f"{environ.get('REQUEST_URI') or environ.get('PATH_INFO')}: {reason}"
    logger.error("%s", line if line.isprintable() else ascii(line))
    return simple_error(
        environ, start_response, 500, "Internal Error", "The server is erroneously configured."
    )


def no_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request that came without `SCRIPT_FILENAME`."""
    reason = "SCRIPT_FILENAME is not set; ashd.wsgidir must be called through dirplex"
    return misconfigured(environ, start_response, reason)


def not_loaded(
    environ: WSGIEnvironment, start_response: StartResponse, error: LoadError
) -> Iterable[bytes]:
    """Answer 500 for a file that can't be loaded; the cache has logged why, once."""
    if isinstance(error, UnreadableError):
        return misconfigured(environ, start_response, str(error))
    if environ.get(DEBUG_KEY):
        return _show(start_response, str(error), error.details)
    return simple_error(
        environ, start_response, 500, "Internal Error", "The application could not be loaded."
    )


def _show(
    start_response: StartResponse, title: str, text: str, *, replace: bool = False
) -> Iterable[bytes]:
    page = (
        "<!DOCTYPE html>\n<html><head><title>Internal Error</title></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n<pre>{html.escape(text)}</pre></body></html>\n"
    ).encode(errors="backslashreplace")
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
    # A second call of start_response needs the exception, and raises it if the head is out.
    exception = sys.exc_info() if replace else None
    start_response("500 Internal Server Error", headers, exception)
    return [page]


def with_tracebacks(application: WSGIApplication) -> WSGIApplication:
    """Wrap an application so that its exceptions are shown in the browser, and logged here.

    For development: the body passes through a generator.
    """

    def debugged(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        body: Iterable[bytes] = ()
        try:
            body = application({**environ, DEBUG_KEY: True}, start_response)
            yield from body
        except Exception as error:
            logger.exception("%s failed", environ.get("SCRIPT_FILENAME"))
            text = "".join(traceback.format_exception(error))
            yield from _show(start_response, repr(error), text, replace=True)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return debugged
