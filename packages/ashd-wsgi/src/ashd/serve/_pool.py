"""The model `pool`: a bounded set of threads that live on between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ._crew import Crew, Member
from ._interface import Source, Task
from ._running import running
from ._watch import Watch

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
        self._crew = PoolCrew(running.run, maximum, idle)
        self._watch = Watch(timeout)

    def serve(self, source: Source) -> None:
        """Run every task of `source`; return when all are finished."""
        self._crew.serve(source, self._watch.bind(source))


class PoolCrew(Crew):
    """A crew whose members wait for their next turn."""

    def __init__(
        self, work: Callable[[Task], object], maximum: int | None, idle: float = IDLE
    ) -> None:
        """As `Crew`; a member that waits for `idle` seconds ends."""
        super().__init__(work, maximum)
        self._idle = idle

    def _start_thread(self, member: Member) -> None:
        threading.Thread(target=self._member, args=(member,), name="pool", daemon=True).start()

    def _next(self, me: Member, took: float) -> bool:
        with self._lock:
            self._judge(took)
            if self._leader is me or (self._leader is None and not self._ended):
                self._leader = me
                self._busy = False
                return True
            if self._ended:
                self._leave()
                return False
            self._parked.append(me)
        return self._wait(me)

    def _wait(self, me: Member) -> bool:
        woken = me.wake.acquire(timeout=self._idle)
        with self._lock:
            if not woken and me in self._parked:
                self._parked.remove(me)
                self._leave()
                return False
            if not woken:  # woken just when the time was up
                me.wake.acquire()
            if self._leader is me:
                return True
            self._leave()
            return False
