"""Where log records go: stderr, or syslog when the front end says so."""

from __future__ import annotations

import logging
import os
import sys

_SYSLOG_SOCKET = "/dev/log"


def configure_logging(program: str, syslog: str = _SYSLOG_SOCKET) -> None:
    """Send records of level INFO and above to stderr, or to syslog if `ASHD_USESYSLOG` is set.

    Each line names the program and the logger, and on stderr the time. Without a syslog daemon at
    the socket `syslog`, stderr is used. What an application's own handlers have written to stderr
    is not written there again.
    """
    line = f"%(asctime)s {program}: %(name)s: %(levelname)s: %(message)s"
    if os.environ.get("ASHD_USESYSLOG"):
        from logging.handlers import SysLogHandler

        if not _listens(syslog):  # of which the handler says nothing
            _log_to_stderr(line)
            logging.getLogger("ashd.wsgi").warning(
                "there is no syslog at %s; logging to stderr", syslog
            )
            return
        handler = SysLogHandler(syslog, SysLogHandler.LOG_DAEMON)
        line = f"{program}[%(process)d]: %(name)s: %(levelname)s: %(message)s"
        logging.basicConfig(level=logging.INFO, format=line, handlers=[handler])
    else:
        _log_to_stderr(line)


def _log_to_stderr(line: str) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_is_not_written_yet)
    logging.basicConfig(level=logging.INFO, format=line, handlers=[handler])


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
