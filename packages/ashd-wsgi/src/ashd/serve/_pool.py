"""The model `pool`: a bounded set of threads that live on between requests."""

from __future__ import annotations

import threading

from ._interface import Source
from ._leader import Follower, LeaderFollowers, Work
from ._receiving import serve_in_parallel
from ._running import Slot

MAXIMUM = 25
"""Threads, unless told otherwise: enough for applications that wait for a database, and few enough
to stay below the number of connections that a database grants."""

IDLE = 60.0
"""Seconds after which a thread without work ends: longer than the pause between two page views."""


class Pool:
    """Requests run in threads that are added while all are busy, and end when idle for long."""

    multithread = True
    multiplex = False

    def __init__(
        self, maximum: int = MAXIMUM, timeout: float | None = None, idle: float = IDLE
    ) -> None:
        """Use up to `maximum` threads.

        A request that waits `timeout` seconds for a thread ends the process with abort(3). Threads
        end that had nothing to do for `idle` seconds.
        """
        self._maximum = maximum
        self._timeout = timeout
        self._idle = idle

    def serve(self, source: Source) -> None:
        """Run every task of `source`; return when all are finished."""
        limits = (self._maximum, self._timeout)
        if not serve_in_parallel(source, Slot.run, *limits, idle=self._idle, name="pool"):
            PoolThreads(Slot.run, *limits, self._idle).serve(source)


class PoolThreads(LeaderFollowers):
    """Threads that wait for their next turn."""

    def __init__(
        self,
        work: Work,
        maximum: int | None,
        timeout: float | None,
        idle: float = IDLE,
    ) -> None:
        """As `LeaderFollowers`; a thread that waits for `idle` seconds ends."""
        super().__init__(work, maximum, timeout)
        self._idle = idle

    def _start_thread(self, follower: Follower) -> None:
        threading.Thread(target=self._run, args=(follower,), name="pool", daemon=True).start()

    def _next(self, me: Follower, took: float) -> bool:
        with self._lock:
            if me.detached:
                self._leave(me)
                return False
            self._judge(took)
            if self._leader is me or (self._leader is None and not self._ended):
                self._leader = me
                self._busy = False
                return True
            if self._ended:
                self._leave(me)
                return False
            self._parked.append(me)
        return self._wait(me)

    def _wait(self, me: Follower) -> bool:
        woken = me.wake.acquire(timeout=self._idle)
        with self._lock:
            if not woken and me in self._parked:
                self._parked.remove(me)
                self._leave(me)
                return False
            if not woken:  # woken just when the time was up
                me.wake.acquire()
            if self._leader is me:
                return True
            self._leave(me)
            return False
