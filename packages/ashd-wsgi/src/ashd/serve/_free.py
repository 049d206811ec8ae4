"""The model `free`: a thread for each request."""

from __future__ import annotations

from _thread import start_new_thread

from ._errors import ModelError
from ._interface import Source
from ._leader import Follower, LeaderFollowers, Work
from ._receiving import serve_in_parallel
from ._running import Slot

IDLE = 1.0
"""Seconds after which a thread without work ends, where threads receive by themselves."""


class Free:
    """Each request runs in a thread of its own, from the first call to the last byte."""

    multithread = True
    multiplex = False

    def __init__(self, maximum: int | None = None, timeout: float | None = None) -> None:
        """Run up to `maximum` threads at a time (None: no limit).

        A request that waits `timeout` seconds for a thread ends the process with abort(3); that
        takes a maximum.
        """
        if timeout is not None and maximum is None:
            raise ModelError("the model free has a timeout only together with max (free:max=N,...)")
        self._maximum = maximum
        self._timeout = timeout

    def serve(self, source: Source) -> None:
        """Run every task of `source`; return when all are finished."""
        serve_in_free_threads(source, Slot.run, self._maximum, self._timeout)


def serve_in_free_threads(
    source: Source, work: Work, maximum: int | None, timeout: float | None = None
) -> None:
    """Run every task of `source`; return when all are finished."""
    if not serve_in_parallel(source, work, maximum, timeout, idle=IDLE, name="free"):
        FreeThreads(work, maximum, timeout).serve(source)


class FreeThreads(LeaderFollowers):
    """Threads that end after their task, and are followed by new ones.

    The threads are started without the `threading` module's objects, whose handshake would cost
    more than the thread. `threading.current_thread()` works in them.
    """

    def _start_thread(self, follower: Follower) -> None:
        start_new_thread(self._run, (follower,))

    def _next(self, me: Follower, took: float) -> bool:
        with self._lock:
            if me.detached:
                self._leave(me)
                return False
            self._judge(took)
            self._leave(me)
            if self._leader is me or (self._leader is None and not self._ended):
                self._busy = False
                self._leader = self._start()
                if self._leader is None:  # the system has no thread to give: go on with this one
                    self._leader = me
                    self._count += 1
                    return True
        return False
