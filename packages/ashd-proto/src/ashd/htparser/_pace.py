"""How fast a request body comes, and when it is too slow. No I/O.

Bytes pay for time: `Limits.body_rate` of them for a second. A client that sends less than that, or
nothing, falls behind. One that is behind may give way to a new client at once; one that is behind
by `Limits.body_time` is cut. Time in which the handler takes nothing isn't the client's.
"""

from __future__ import annotations

from ._limits import PAUSE_TIME, STALL_TIME, Limits


class BodyPace:
    """See the module."""

    __slots__ = ("_limits", "_paid_until", "_waits_since", "deadline")

    def __init__(self, limits: Limits, now: float) -> None:
        """Begin to wait for the first byte."""
        self._limits = limits
        self._paid_until = now + STALL_TIME
        self._waits_since = now
        self.deadline = now + limits.body_time
        """When the client is to be cut, unless more comes."""

    def came(self, size: int, now: float) -> None:
        """Take note that so many bytes have come."""
        limits = self._limits
        paid, deadline = now + PAUSE_TIME, now + limits.body_time
        if limits.body_rate:
            seconds = size / limits.body_rate
            paid = min(paid, self._paid_until + seconds)
            deadline = min(deadline, self.deadline + seconds)
        self._paid_until = paid
        self.deadline = deadline

    def wait_for_handler(self, now: float) -> None:
        """Stop the clock."""
        self._waits_since = now

    def go_on(self, now: float) -> None:
        """Let the clock go on."""
        waited = now - self._waits_since
        self._paid_until += waited
        self.deadline += waited

    def is_behind(self, now: float) -> bool:
        """Tell whether less has come than the least rate asks for."""
        return now >= self._paid_until
