"""Where log records go: stderr, or syslog when the front end says so."""

from __future__ import annotations

import logging
import os

_SYSLOG_SOCKET = "/dev/log"


def configure_logging(program: str, syslog: str = _SYSLOG_SOCKET) -> None:
    """Send records of level INFO and above to stderr, or to syslog if `ASHD_USESYSLOG` is set.

    Each line names the program and the logger. Without a syslog daemon at the socket `syslog`,
    stderr is used.
    """
    line = f"{program}: %(name)s: %(levelname)s: %(message)s"
    if os.environ.get("ASHD_USESYSLOG"):
        from logging.handlers import SysLogHandler

        if not _listens(syslog):  # of which the handler says nothing
            logging.basicConfig(level=logging.INFO, format=line)
            logging.getLogger("ashd.wsgi").warning(
                "there is no syslog at %s; logging to stderr", syslog
            )
            return
        handler = SysLogHandler(syslog, SysLogHandler.LOG_DAEMON)
        line = f"{program}[%(process)d]: %(name)s: %(levelname)s: %(message)s"
        logging.basicConfig(level=logging.INFO, format=line, handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format=line)


def _listens(path: str) -> bool:
    import errno
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(path) in (0, errno.EPROTOTYPE)  # which is a stream socket
