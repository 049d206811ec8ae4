"""Every limit of the server and the client, with its reason. Frozen, so threads may share it."""

from __future__ import annotations

from dataclasses import dataclass

from ._pickles import PickleLimits

MAX_LINE = 1024
"""Bytes in a line of the greeting. The longest one is `@WORKER perf`."""

MAX_COMMAND = 1 << 20
"""Bytes in a REPL command: more than any source text that is typed or pasted."""

MAX_OUTPUT_LINE = 1 << 16
"""Characters in one output line of the REPL: what is longer is broken, so nobody must hold it
whole.
"""

MAX_MESSAGE = 16 << 20
"""Bytes in a PERF message, both ways."""

MAX_CONNECTIONS = 64
"""Connections that are served at once. Each has a thread or two."""

MAX_BOUND = 1024
"""Objects that one PERF connection may have bound at once."""

MAX_QUEUED_EVENTS = 1000
"""Events that wait for one client; some 300 KB. What comes beyond is counted as lost."""

GREETING_TIMEOUT = 60.0
"""Seconds until the name of the protocol has to be there: long enough for someone who types it."""

COMMAND_TIMEOUT = 600.0
"""Seconds from one byte of a REPL command to the next. Commands are typed by people, too."""

MESSAGE_TIMEOUT = 60.0
"""Seconds from one byte of a PERF message to the next. Programs write these."""

SEND_TIMEOUT = 60.0
"""Seconds without any progress after which a client that doesn't read is dropped."""

HALF_CLOSE_GRACE = 10.0
"""Seconds that a REPL command may go on when a TCP client has sent its end-of-file. On TCP nobody
can tell a client that only has no more to say from one that is gone.
"""

CLOSE_TIMEOUT = 2.0
"""Seconds that `close` waits for the threads of the server. They are daemon threads: none can hold
an exit.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server; the defaults are the constants of this module."""

    line: int = MAX_LINE
    command: int = MAX_COMMAND
    output_line: int = MAX_OUTPUT_LINE
    message: int = MAX_MESSAGE
    connections: int = MAX_CONNECTIONS
    bound: int = MAX_BOUND
    queued_events: int = MAX_QUEUED_EVENTS
    greeting_timeout: float = GREETING_TIMEOUT
    command_timeout: float = COMMAND_TIMEOUT
    message_timeout: float = MESSAGE_TIMEOUT
    send_timeout: float = SEND_TIMEOUT
    half_close_grace: float = HALF_CLOSE_GRACE


SERVER_PICKLES = PickleLimits(
    opcodes=500_000, memory=96 << 20, shared=200_000, depth=100, keys=10_000, key_nodes=2000
)
"""For requests, which are small. One text of 16 MiB may take 64 MiB of memory."""

CLIENT_PICKLES = PickleLimits(
    opcodes=10_000_000,
    memory=512 << 20,
    shared=8 << 20,
    depth=200,
    keys=1_000_000,
    key_nodes=20_000,
)
"""For answers: a heap or a profile can be large, and only the client pays."""
