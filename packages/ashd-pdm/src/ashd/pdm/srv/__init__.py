"""The server's side: open a debug socket in a running process.

    import ashd.pdm.srv
    ashd.pdm.srv.listen("/run/mydaemon/debug.sock")

Anyone who reaches the socket can run code as the user of the process. Root and the process' own
user are let in, others as the socket's mode and group say; on TCP, everybody on this machine.

The server has a thread that accepts, and one or two for each connection; all are daemon threads,
and end with `Listener.close`. A process that is forked off has no debug socket, until it opens one;
to reach worker processes through the socket of their parent, use `Workers`, `channel` and
`attach`.
"""

from .._limits import Limits
from ._listener import Attachment, Listener, attach, listen
from ._spec import TcpSpec, UnixSpec, parse_spec
from ._workers import Workers, channel

__all__ = [
    "Attachment",
    "Limits",
    "Listener",
    "TcpSpec",
    "UnixSpec",
    "Workers",
    "attach",
    "channel",
    "listen",
    "parse_spec",
]
