"""The log of what went wrong with a request, by the threads that serve.

Code of the application runs there: filters and handlers of its own, `__str__` of its exceptions.
Whatever that does, the response has to come to its end.
"""

from __future__ import annotations

import logging
import os
import traceback

from ._errors import BadRequestError, ClientGoneError, CutBodyError
from ._response import logger

FAILURE = b"500 Internal Server Error"
"""The status that answers a failure of the application."""

_BAD_REQUEST = b"400 Bad Request"
_PAGES = (
    (ClientGoneError, logging.DEBUG, "%s: %s", _BAD_REQUEST),
    (CutBodyError, logging.DEBUG, "%s: %s", _BAD_REQUEST),
    (BadRequestError, logging.INFO, "%s: refused: %s", _BAD_REQUEST),
)
"""How a failure that isn't the application's is logged, and answered."""

_STDERR = 2


def report(level: int, text: str, *args: object, error: BaseException | None = None) -> None:
    """Log as `logger.log` does, with the traceback of `error` if there is one; never raises."""
    try:
        logger.log(level, text, *args, exc_info=error)
    except BaseException as failure:
        _write_instead(text % args, failure)


def report_failure(request: str, error: BaseException) -> bytes:
    """Log why a request has failed; return the status that answers it."""
    for kind, level, text, status in _PAGES:
        if isinstance(error, kind):
            report(level, text, request, error)
            return status
    report(logging.ERROR, "%s: the application failed", request, error=error)
    return FAILURE


def _write_instead(line: str, failure: BaseException) -> None:
    try:
        lines = [f"{line}, and it can't be logged:\n", *traceback.format_exception(failure)]
        os.write(_STDERR, "".join(lines).encode("utf-8", "backslashreplace"))
    except OSError:
        pass
