"""The log of what went wrong with a request, by the threads that serve.

Code of the application runs there: filters and handlers of its own, `__str__` of its exceptions.
Whatever that does, the response has to come to its end.
"""

from __future__ import annotations

import os
import traceback

from ._response import logger

_STDERR = 2


def report(level: int, text: str, *args: object, error: BaseException | None = None) -> None:
    """Log as `logger.log` does, with the traceback of `error` if there is one; never raises."""
    try:
        logger.log(level, text, *args, exc_info=error)
    except BaseException as failure:
        _write_instead(text % args, failure)


def _write_instead(line: str, failure: BaseException) -> None:
    try:
        lines = [f"{line}, and it can't be logged:\n", *traceback.format_exception(failure)]
        os.write(_STDERR, "".join(lines).encode("utf-8", "backslashreplace"))
    except OSError:
        pass
