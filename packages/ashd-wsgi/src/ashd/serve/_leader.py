"""Threads that take turns at receiving: what the models `free`, `pool` and `rplex` are built on.

At any time at most one thread, the *leader*, receives. So a task is run by the thread that received
it, and is never handed over. What remains is to decide when the next leader takes over:

- *eager*: as soon as the leader has a task. Nothing ever waits behind a task that blocks, but each
  task wakes a thread, and the two fight for the interpreter lock.
- *lazy*: the leader keeps its role while it runs the task, and receives the next one itself, as if
  there were no threads at all. The main thread looks on: a leader that has been in one task for
  a whole `TICK` loses its role to another thread, and the threads are eager again.

Threads are eager until `STREAK` tasks in a row were short. It is eager again as soon as one wasn't,
or when it has been idle. Without an interpreter lock there is nothing to be saved, and it stays
eager; but there `_parallel.py` takes its place, unless a source can't be shared by threads.

Locks: `_lock` guards every attribute below it in `__init__`. The leader sets `_turn` and `_busy`
without it, in this order, and reads `_eager` afterwards; the main thread makes them eager first
and looks at `_busy` afterwards. So either the leader sees that it has to pass the lead on, or the
main thread sees that it has to look after the leader.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from ._interface import Source, Task
from ._interpreter import has_interpreter_lock
from ._running import Slot, running
from ._wait_limit import WaitLimit
from ._wakeup import WakeUp

TICK = 0.005
"""Seconds for which a task may keep the lead: the interpreter's own switch interval, so that finer
ticks would find a busy interpreter lock. Tests hold 20 ms for a request behind four that sleep."""

SHORT = 0.002
"""Seconds that a task may take and still count as short."""

STREAK = 64
"""Short tasks in a row that make threads lazy: some milliseconds of load."""

IDLE_TICKS = 20
"""Ticks without a task after which lazy threads tick no more: an idle process sleeps."""

RETRY = 0.1
"""Seconds between attempts to start a thread when the system has none to give."""

Work = Callable[[Slot, Task], object]
"""Runs a task, visible in the slot of the thread that calls it."""


class Follower:
    """A thread.

    Attributes:
        wake: held, except when the thread is to take the lead or to end.
        detached: whether its task counts no longer, nor does the thread: it ends after the task.
    """

    __slots__ = ("detached", "wake")

    def __init__(self) -> None:
        self.detached = False
        self.wake = threading.Lock()
        self.wake.acquire()


class LeaderFollowers:
    """The leadership; what a thread does after its task is told by the classes below."""

    def __init__(self, work: Work, maximum: int | None, timeout: float | None = None) -> None:
        """Run tasks by calling `work`, in at most `maximum` threads at a time (None: no limit).

        A task that waits `timeout` seconds for a thread ends the process.
        """
        self._work = work
        self._maximum = sys.maxsize if maximum is None else maximum
        self._source: Source
        self._wait_limit = None if timeout is None else WaitLimit(timeout)
        self._turn = 0
        self._busy = False
        self._wakeup: WakeUp  # wakes the main thread; set with `_lock` held
        self._lock = threading.Lock()
        self._leader: Follower | None = None
        self._count = 0
        self._detached = 0  # threads, which aren't in `_count`
        self._seen = 0
        self._idle_ticks = 0
        self._eager = True
        self._may_be_lazy = has_interpreter_lock()
        self._streak = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._parked: list[Follower] = []

    # For the main thread

    def serve(self, source: Source) -> None:
        """Run all tasks of `source`; return when all threads have ended.

        What `receive` raises is raised here then.
        """
        self._source = source
        self._wakeup = WakeUp()
        self._wakeup.attend(self._look)
        if self._failure is not None:
            raise self._failure

    def _look(self) -> float | None:
        """Do what is to be done now; return the seconds to wait: 0 at the end, None for any."""
        with self._lock:
            if self._ended and not self._count and not self._detached:
                return 0
            if self.saturated:
                self._pass_lead()
            pause = self._look_after_leader()
            full = pause is None and self.saturated
        if full and self._wait_limit is not None:
            return self._wait_limit.look(self._source, self._turn)
        return pause

    def _look_after_leader(self) -> float | None:
        """Take the lead from a leader that is stuck; tell when to look again. The lock is held."""
        if self._turn != self._seen:
            self._seen = self._turn
            self._idle_ticks = 0
        elif self._busy:
            self._become_eager()
            self._pass_lead()
        else:
            self._idle_ticks += 1
            if self._idle_ticks >= IDLE_TICKS:
                self._become_eager()
        if self._busy or not self._eager:
            return TICK
        if self.saturated and self._count < self._maximum:  # the system has no thread to give
            return RETRY
        return None

    @property
    def saturated(self) -> bool:
        """Whether nobody can receive because all threads are busy."""
        return self._leader is None and not self._ended

    def _become_eager(self) -> None:
        self._eager = True
        self._streak = 0

    # For the threads

    def _run(self, me: Follower) -> None:
        slot = running.slot()
        slot.on_detach = partial(self._detach, me)
        try:
            self._serve(me, slot)
        finally:
            slot.close()

    def _serve(self, me: Follower, slot: Slot) -> None:
        receive, work = self._source.receive, self._work
        clock = time.monotonic
        while True:
            try:
                task = receive()
            except BaseException as error:
                self._end(me, error)
                return
            if task is None:
                self._end(me, None)
                return
            self._turn += 1
            self._busy = True
            if self._eager:
                slot.enter(task)  # before the next leader asks whether there are tasks
                self._pass_lead_of(me)
                started = clock()
                work(slot, task)
                took = clock() - started
            else:
                work(slot, task)
                took = 0.0
            del task
            if not self._next(me, took):
                return

    def _detach(self, me: Follower) -> None:
        """Count a thread out while it runs a task that counts no longer."""
        with self._lock:
            me.detached = True
            self._count -= 1
            self._detached += 1
            if self._leader is me or self.saturated:
                self._pass_lead()
            if self.saturated:  # the system has no thread to give
                self._wakeup.set()

    def _next(self, me: Follower, took: float) -> bool:
        """Decide what the thread does after its task: True is to receive, False to end."""
        raise NotImplementedError

    def _judge(self, took: float) -> None:
        """Count short tasks; with enough of them, become lazy. The lock is held."""
        if not self._eager:
            return
        self._streak = self._streak + 1 if took < SHORT else 0
        if self._streak >= STREAK and self._may_be_lazy:
            self._eager = False
            self._wakeup.set()

    def _pass_lead_of(self, me: Follower) -> None:
        with self._lock:
            if self._leader is me:
                self._pass_lead()
            if self.saturated and (self._wait_limit or self._count < self._maximum):
                self._wakeup.set()

    def _pass_lead(self) -> None:
        """Give the lead to another thread, if there is one or may be one. The lock is held."""
        self._busy = False
        self._leader = None
        if self._parked:
            self._leader = self._parked.pop()
            self._leader.wake.release()
        elif self._count < self._maximum:
            self._leader = self._start()

    def _start(self) -> Follower | None:
        """Start a thread that leads; None if the system has none to give. The lock is held."""
        follower = Follower()
        self._count += 1
        try:
            self._start_thread(follower)
        except RuntimeError:
            self._count -= 1
            return None
        return follower

    def _start_thread(self, follower: Follower) -> None:
        raise NotImplementedError

    def _leave(self, me: Follower) -> None:
        """Count this thread out for good. The lock is held."""
        if me.detached:
            self._detached -= 1
        else:
            self._count -= 1
        if self._ended and not self._count and not self._detached:
            self._wakeup.set()

    def _end(self, me: Follower, failure: BaseException | None) -> None:
        """Nothing more will come: the leader leaves, and so do all that wait for a turn."""
        with self._lock:
            self._ended = True
            self._failure = failure
            self._leader = None
            for follower in self._parked:
                follower.wake.release()
            self._parked.clear()
            self._leave(me)
            self._wakeup.set()
