"""Every limit of the server and the client, with its reason. Frozen, so threads may share it."""

from __future__ import annotations

from dataclasses import dataclass

from ._pickles import PickleLimits

MAX_LINE = 1024
"""Bytes in a line of the greeting. The longest one is `@WORKER perf`."""

MAX_MESSAGE = 16 << 20
"""Bytes in a PERF message, both ways."""

CLOSE_TIMEOUT = 2.0
"""Seconds that `close` waits for the threads of the server, none of which can hold an exit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server: sizes in bytes, times in seconds."""

    line: int = MAX_LINE

    command: int = 1 << 20
    """A REPL command: more than any source text that is typed or pasted."""

    output_line: int = 1 << 16
    """Characters in an output line of the REPL. A longer one is broken, so nobody holds it."""

    message: int = MAX_MESSAGE

    connections: int = 64
    """Those that are served at once. Each has a thread or two."""

    bound: int = 1024
    """Objects that one PERF connection may have bound at once."""

    queued_events: int = 1000
    """Events that wait for one client; some 300 KB. What comes beyond is counted as lost."""

    greeting_timeout: float = 60.0
    """Until the name of the protocol has to be there: long enough for someone who types it."""

    command_timeout: float = 600.0
    """From one byte of a REPL command to the next. Commands are typed by people, too."""

    message_timeout: float = 60.0
    """From one byte of a PERF message to the next. Programs write these."""

    send_timeout: float = 60.0
    """Without any progress; then a client that doesn't read is dropped."""

    half_close_grace: float = 10.0
    """For a REPL command to go on when a TCP client has sent its end-of-file. On TCP nobody can
    tell a client that only has no more to say from one that is gone.
    """

    lock_timeout: float = 5.0
    """To wait for another server of this user that is being started with the same path."""


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
