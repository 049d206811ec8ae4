"""Python Daemon Management: look into a live process over a socket.

`ashd.pdm.srv` is the server's side (one call in the daemon), `ashd.pdm.cli` the client's,
`ashd.pdm.perf` has the objects that can be looked at and what it takes to write more,
`ashd.pdm.util` helps with threads and tracebacks. Importing this package alone imports none of
them.

Anyone who reaches the socket can run code as the user of the process that listens.
"""

from ._errors import (
    ConnectError,
    ConnectionLost,
    ListenError,
    PdmError,
    ProtocolError,
    RefusedPickle,
    SpecError,
)

__all__ = [
    "ConnectError",
    "ConnectionLost",
    "ListenError",
    "PdmError",
    "ProtocolError",
    "RefusedPickle",
    "SpecError",
]
