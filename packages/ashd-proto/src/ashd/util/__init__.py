"""Writing handlers, and starting and calling them.

`serve_loop` and `respond` make a handler in a few lines; `switch_protocol` takes a client's byte
stream over; `PersistentChild`, `spawn_handler` and `spawn_transient` start other programs as
handlers; `call_handler` asks one and waits for its answer. A request belongs to the program that
received it: passing it on never closes it.
"""

from ashd.proto import SpawnError
from ashd.proto._text import printable

from ._call import Response, call_handler, parse_response
from ._children import spawn_handler, spawn_transient, transient_environment
from ._compat import pchild, serveloop, stdfork
from ._limits import SEND_TIMEOUT
from ._outbox import send_response
from ._persistent import PersistentChild
from ._reaper import reap
from ._respond import respond, send_all
from ._serve import serve_loop
from ._switch import send_switch, switch_protocol

__all__ = [
    "SEND_TIMEOUT",
    "PersistentChild",
    "Response",
    "SpawnError",
    "call_handler",
    "parse_response",
    "pchild",
    "printable",
    "reap",
    "respond",
    "send_all",
    "send_response",
    "send_switch",
    "serve_loop",
    "serveloop",
    "spawn_handler",
    "spawn_transient",
    "stdfork",
    "switch_protocol",
    "transient_environment",
]
