"""What is written when the application can't be loaded."""

from __future__ import annotations

import logging
import sys

from ashd.log import JSON, TEXT

from ._errors import StartError, UsageError


def explain(program: str, error: StartError, style: str = TEXT) -> None:
    """Write to stderr why the program can't start, in the style of its log."""
    cause = _cause(error)
    if style == JSON:
        failure = None if cause is None else _without_ours(cause)
        logging.getLogger("ashd.wsgi").error("%s", error, exc_info=failure)
    else:
        sys.stderr.write(f"{traceback_of(error)}{program}: {error}\n")


def traceback_of(error: StartError) -> str:
    """Return the traceback of what the application raised, or nothing."""
    cause = _cause(error)
    return "" if cause is None else formatted(cause)


def _cause(error: StartError) -> BaseException | None:
    return None if isinstance(error, UsageError) else error.__cause__


def formatted(error: BaseException) -> str:
    """Return the traceback of an exception, without our own frames."""
    import traceback

    return "".join(traceback.format_exception(_without_ours(error)))


def _without_ours(error: BaseException) -> BaseException:
    """Leave our own and importlib's frames out of a traceback."""
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        if not _is_ours(traceback.tb_frame.f_globals.get("__name__", "")):
            frames.append(traceback)
        traceback = traceback.tb_next
    for before, after in zip(frames, [*frames[1:], None], strict=False):
        before.tb_next = after
    return error.with_traceback(frames[0] if frames else None)


def _is_ours(module: str) -> bool:
    return f"{module}.".startswith(("ashd.wsgi.", "importlib."))
