"""Access logs: formats, and a file that several processes append to.

For front ends, and for handlers below one that keeps no access log. An `AccessFormat` makes a line
of each `Entry`, which a `LogFile` takes. Nothing here knows of sockets or HTTP.
"""

from ._file import STDOUT, LogFile
from ._format import COMBINED, FIELDS, MAX_LINE, PRESETS, AccessFormat, Entry, FormatError

__all__ = [
    "COMBINED",
    "FIELDS",
    "MAX_LINE",
    "PRESETS",
    "STDOUT",
    "AccessFormat",
    "Entry",
    "FormatError",
    "LogFile",
]
