"""Access logs: formats, and a file that several processes append to.

For front ends, and for handlers below one that keeps no access log. An `AccessLog` takes an `Entry`
of each request that is over, an `AccessFormat` makes lines of many at a time, and a `LogFile` takes
those. Nothing here knows of sockets or HTTP.
"""

from ._entry import CUT, MAX_VALUE, Details, Entry, Sender, Values
from ._fields import FIELDS, FormatError
from ._file import STDOUT, LogFile
from ._format import COMBINED, MAX_LINE, PRESETS, AccessFormat
from ._log import BURST, AccessLog

__all__ = [
    "BURST",
    "COMBINED",
    "CUT",
    "FIELDS",
    "MAX_LINE",
    "MAX_VALUE",
    "PRESETS",
    "STDOUT",
    "AccessFormat",
    "AccessLog",
    "Details",
    "Entry",
    "FormatError",
    "LogFile",
    "Sender",
    "Values",
]
