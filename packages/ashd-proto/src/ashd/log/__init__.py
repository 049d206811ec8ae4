"""The log of a program: where its lines go, and what they look like.

For the programs of ashd, and for handlers that want the same: `configure_logging` once, at the
start of the program, and `make_stderr_lossy` before it if a full disk must not stop anything.
"""

from ._program import FORMATS, JSON, SYSLOG_SOCKET, TEXT, configure_logging
from ._stderr import make_stderr_lossy

__all__ = ["FORMATS", "JSON", "SYSLOG_SOCKET", "TEXT", "configure_logging", "make_stderr_lossy"]
