"""What a client's connection can be doing, and what may follow what. Read this first.

    HEAD ──┬────────────────────────────> RESPONSE ──> IDLE ──> HEAD, or ──> STREAM
           ├─> BODY_HELD ─┬─────────────> RESPONSE
           └─> QUEUED <───┘
                 └─> BODY ─┬────────────> RESPONSE
                           └─> REST ────────────────> IDLE

A connection starts with HEAD, and goes to CLOSING or CLOSED from any state.
"""

from __future__ import annotations

from enum import IntEnum

from ._limits import QUIET_TIME, STALL_TIME


class State(IntEnum):
    """What the next bytes of a client are. Integers make fast keys."""

    HEAD = 1
    """A request head, or the rest of one."""
    IDLE = 2
    """The beginning of the next request."""
    BODY_HELD = 3
    """A body that is held until it is whole."""
    QUEUED = 4
    """A body that waits until a handler has the request."""
    BODY = 5
    """A body that the handler gets as it comes."""
    RESPONSE = 6
    """Requests sent ahead, while a whole one is answered."""
    REST = 7
    """The rest of a body, whose response is complete."""
    CLOSING = 8
    """Bytes that nobody wants, until the client has closed its side."""
    CLOSED = 9
    """Nothing; the end of a response may still be on its way."""
    STREAM = 10
    """Bytes of another protocol, for the handler that has switched to it: `_stream`."""


_END = {State.CLOSING, State.CLOSED}
_AFTER_HEAD = {State.BODY_HELD, State.QUEUED, State.RESPONSE} | _END

FOLLOWERS: dict[State, set[State]] = {
    State.HEAD: _AFTER_HEAD,
    State.IDLE: _AFTER_HEAD | {State.HEAD},
    State.BODY_HELD: {State.QUEUED, State.RESPONSE} | _END,
    State.QUEUED: {State.BODY} | _END,
    State.BODY: {State.RESPONSE, State.REST} | _END,
    State.RESPONSE: {State.IDLE, State.STREAM} | _END,
    State.REST: {State.IDLE} | _END,
    State.CLOSING: {State.CLOSED},
    State.CLOSED: {State.CLOSED},
    State.STREAM: _END,
}
"""What may follow a state."""

READING = {State.HEAD, State.IDLE, State.BODY_HELD, State.BODY, State.REST}
"""States in which bytes are read as they come."""
HOLDING = {State.QUEUED, State.RESPONSE}
"""States in which bytes are held until they can be read. In others they are dropped."""

GIVING_WAY = (
    State.CLOSING,
    State.IDLE,
    State.HEAD,
    State.REST,
    State.BODY_HELD,
    State.BODY,
    State.RESPONSE,
    State.STREAM,
)
"""Who makes room for a new client, in this order; among equals, the one that waits longest."""

WAITING = frozenset(GIVING_WAY) - {State.RESPONSE, State.STREAM}
"""States in which the client has to do something, or nobody does. While it gets a response, it has
to read if that can't be written. A stream stands in line by itself."""

STALLING = {
    State.BODY_HELD: STALL_TIME,
    State.BODY: STALL_TIME,
    State.RESPONSE: STALL_TIME,
    State.STREAM: QUIET_TIME,
}
"""States in which a client makes room only if it is slow, and how often it is asked (seconds)."""
