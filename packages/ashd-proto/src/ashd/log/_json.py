"""Logs for other programs to read: each line is a JSON object, whoever has something to say.

So what Python itself writes to standard error becomes records as well: exceptions that nobody
catches, warnings, and messages that can't be formatted. Imported if somebody wants such a log.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType

_python = logging.getLogger("python")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        failures = []
        try:
            message = record.getMessage()
        except Exception as error:
            place = f"{record.pathname}, line {record.lineno}"
            message = f"a message of {place} can't be formatted: {record.msg!r} % {record.args!r}"
            failures.append(self.formatException((type(error), error, error.__traceback__)))
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "program": self._program,
            "process": record.process,
            "logger": record.name,
            "message": message,
        }
        if request_id := record.__dict__.get("request_id"):
            line["request_id"] = request_id
        if record.exc_info:
            failures.append(self.formatException(record.exc_info))
        if failures:
            line["exception"] = "\n".join(failures)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line)


def capture() -> None:
    """Log what Python would write to standard error."""
    logging.captureWarnings(True)
    sys.excepthook = _log_end
    sys.unraisablehook = _log_ignored
    threading.excepthook = _log_end_of_thread


def _log_end(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _python.critical("an exception ends the program", exc_info=(kind, error, traceback))


def _log_end_of_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_type is SystemExit or told.exc_value is None:  # as Python itself does
        return
    name = told.thread.name if told.thread else "a thread"
    failure = told.exc_type, told.exc_value, told.exc_traceback
    _python.error("an exception ends the thread %s", name, exc_info=failure)


def _log_ignored(told: sys.UnraisableHookArgs) -> None:
    failure = None
    if told.exc_value is not None:
        failure = told.exc_type, told.exc_value, told.exc_traceback
    what = told.err_msg or "an exception is ignored in"
    _python.error("%s: %r", what, told.object, exc_info=failure)
