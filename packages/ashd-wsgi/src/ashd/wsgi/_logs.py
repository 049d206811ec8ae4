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

        handler = SysLogHandler(syslog, SysLogHandler.LOG_DAEMON)
        if handler.socket.fileno() < 0:  # it says nothing of a daemon that isn't there
            handler.close()
            logging.basicConfig(level=logging.INFO, format=line)
            logging.getLogger("ashd.wsgi").warning(
                "there is no syslog at %s; logging to stderr", syslog
            )
            return
        line = f"{program}[%(process)d]: %(name)s: %(levelname)s: %(message)s"
        logging.basicConfig(level=logging.INFO, format=line, handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format=line)
