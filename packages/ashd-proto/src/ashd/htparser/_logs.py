"""Where the front end's messages go, and what they look like."""

from __future__ import annotations

import logging

SYSLOG_SOCKET = "/dev/log"


def set_logging_up(program: str, *, syslog: bool = False) -> None:
    """Write the messages of the front end to stderr, with the program's name in front.

    Or to syslog (facility daemon).
    """
    log = logging.getLogger("ashd.htparser")
    handler: logging.Handler = logging.StreamHandler()
    if syslog:
        from logging.handlers import SysLogHandler

        handler = SysLogHandler(SYSLOG_SOCKET, SysLogHandler.LOG_DAEMON)
    handler.setFormatter(logging.Formatter(f"{program}: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
