"""The client's side: connect to a debug socket, run code there, look at objects.

A target is `PATH` of a Unix socket (with a `/` in it), `PORT` on this machine, `HOST:PORT`, or
`HOST:PATH`, which goes through ssh. What a server sends is read as plain data, with the classes of
`ashd.pdm.perf` and exceptions of the standard library; nothing else in it is ever imported or
called.
"""

from ._connect import ClientStream, connect
from ._perf import PerfClient, Proxy
from ._repl import RemoteError, ReplClient
from ._target import SshTarget, Target, TcpTarget, UnixTarget, parse_target
from ._workers import WorkersClient, open_perf

client = connect  # the names of the original library
replclient = ReplClient
perfclient = open_perf

__all__ = [
    "ClientStream",
    "PerfClient",
    "Proxy",
    "RemoteError",
    "ReplClient",
    "SshTarget",
    "Target",
    "TcpTarget",
    "UnixTarget",
    "WorkersClient",
    "client",
    "connect",
    "open_perf",
    "parse_target",
    "perfclient",
    "replclient",
]
