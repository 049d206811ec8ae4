"""Where the log records of our programs go, and what their lines look like.

Called once, by the main thread of a program that logs by `logging`. Nothing imports this module
but programs, at their start.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping

TEXT = "text"
JSON = "json"
FORMATS = (TEXT, JSON)
"""What `--log-format` takes."""

SYSLOG_SOCKET = "/dev/log"

_STDERR = 2
_LINE = "%(name)s: %(levelname)s: %(message)s%(of_request)s"
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7  # of syslog(3)


def _no_request() -> str:
    return ""


def configure_logging(
    program: str,
    style: str = TEXT,
    *,
    syslog: bool | None = None,
    syslog_socket: str = SYSLOG_SOCKET,
    request_id: Callable[[], str] = _no_request,
) -> None:
    """Send records of level INFO and above to stderr, or to syslog (facility daemon).

    That is decided by `syslog`, or if it is None by the variable `ASHD_USESYSLOG`. Without a
    syslog daemon at `syslog_socket`, stderr is used. `request_id` returns the id of the request
    that the calling thread serves, or "". If the program has configured logging already, nothing
    changes.

    Each line names the program, the logger and the level; on stderr also time and process, unless
    stderr is the journal's, which adds these. What an application's own handlers have written to
    stderr is not written there again. With the style `JSON`, warnings and exceptions that nobody
    catches are records as well.
    """
    wanted = bool(os.environ.get("ASHD_USESYSLOG")) if syslog is None else syslog
    there = wanted and _listens(syslog_socket)  # of which the handler says nothing
    handler: logging.Handler
    if there:
        from logging.handlers import SysLogHandler

        handler = SysLogHandler(syslog_socket, SysLogHandler.LOG_DAEMON)
        handler.ident = f"{program}[{os.getpid()}]: "
    else:
        handler = logging.StreamHandler()
        handler.addFilter(_is_not_written_yet)

    def add_request(record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id()
        return True

    handler.addFilter(add_request)
    handler.setFormatter(_formatter(program, style, on_syslog=there))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if style == JSON and handler in logging.root.handlers:
        from ._json import capture

        capture()
    if wanted and not there:
        logging.getLogger("ashd").warning(
            "there is no syslog at %s; logging to stderr", syslog_socket
        )


def _formatter(program: str, style: str, *, on_syslog: bool) -> logging.Formatter:
    if style == JSON:
        from ._json import JsonFormatter

        return JsonFormatter(program)
    if on_syslog:
        return _TextFormatter(_LINE)
    if is_journal(os.environ):
        return _JournalFormatter(f"{program}: {_LINE}")
    return _TextFormatter(f"%(asctime)s {program}[%(process)d]: {_LINE}")


class _TextFormatter(logging.Formatter):
    """Names the request in whose thread something was logged."""

    def format(self, record: logging.LogRecord) -> str:
        request_id = record.__dict__.get("request_id")
        record.of_request = f" [{request_id}]" if request_id else ""
        return super().format(record)


class _JournalFormatter(_TextFormatter):
    """Begins each line with its priority, as the journal takes it (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelno
        priority = next((each for at, each in _PRIORITIES if level >= at), _DEBUG_PRIORITY)
        lines = super().format(record).splitlines()
        return "\n".join(f"<{priority}>{line}" for line in lines)


def is_journal(environ: Mapping[str, str]) -> bool:
    """Tell whether standard error goes to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    stream = environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    try:
        status = os.fstat(_STDERR)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def _is_not_written_yet(record: logging.LogRecord) -> bool:
    """Tell whether no handler of the application has written a record to stderr, as Django's do."""
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None and logger is not logging.root:
        if any(_writes_to_stderr(handler, record) for handler in logger.handlers):
            return False
        logger = logger.parent
    return True


def _writes_to_stderr(handler: logging.Handler, record: logging.LogRecord) -> bool:
    return (
        isinstance(handler, logging.StreamHandler)
        and handler.stream is sys.stderr
        and record.levelno >= handler.level
        and bool(handler.filter(record))
    )


def _listens(path: str) -> bool:
    import errno
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) in (0, errno.EPROTOTYPE)  # which is a stream socket
