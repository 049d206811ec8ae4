"""While the front end starts, stderr is where somebody looks: errors go there, besides to syslog.

Without syslog, all messages go to stderr anyway.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping

SYSLOG_VARIABLE = "ASHD_USESYSLOG"

_log = logging.getLogger("ashd.htparser")
_handler = logging.StreamHandler()


def begin_start(program: str, environ: MutableMapping[str, str], *, syslog: bool) -> None:
    """Write errors to stderr, if the log is elsewhere; have handlers log where we do."""
    environ.pop(SYSLOG_VARIABLE, None)
    if syslog:
        environ[SYSLOG_VARIABLE] = "1"
    if logs_to_syslog():
        _handler.setLevel(logging.ERROR)
        _handler.setFormatter(logging.Formatter(f"{program}: %(message)s"))
        _log.addHandler(_handler)


def end_start() -> None:
    """Leave stderr alone, if the log is elsewhere."""
    _log.removeHandler(_handler)


def logs_to_syslog() -> bool:
    """Return whether messages go to syslog: it may have been asked for, and not be there."""
    handlers = sys.modules.get("logging.handlers")
    return handlers is not None and any(
        isinstance(handler, handlers.SysLogHandler)
        for logger in (_log, logging.root)
        for handler in logger.handlers
    )
