"""Threads that receive by themselves: what `free`, `pool` and `rplex` use without interpreter lock.

Each thread receives a task, runs it, and receives the next; the kernel chooses among those that
wait. They have nothing in common on a task's way: no lock, no counter, no object whose references
they would count. A thread writes its own `Member`, and the main thread, the *monitor*, reads them
all, every `TICK` while there is something to do. It sees to it that

- one thread waits for tasks, or as many are awake as there are processors. Those that sleep in the
  application don't count, nor those that have computed for `PATIENCE` ticks in one task, so that
  others pass them;
- no more are awake than that: where the application computes, more threads would only take the
  processors from each other. Those that are too many are *parked* after their task, until needed.

Locks: `_lock` guards the lists of members, `_ended` and `_failure`. A member's `turn` and `busy`
are written by its thread, `surplus` by the monitor, `call` by both: each is one word.
"""

from __future__ import annotations

import sys
import threading
from functools import partial

from ._awake import is_awake, processors
from ._interface import ParallelSource, ThreadSource
from ._leader import IDLE_TICKS, RETRY, TICK, Work
from ._running import Slot, running
from ._wait_limit import WaitLimit
from ._wakeup import WakeUp

REST = 1.0
"""Seconds without a task after which a thread parks if others wait: it then holds no descriptor."""

PATIENCE = 4
"""Ticks in one task after which a thread that computes no longer keeps others from being awake."""


class Member:
    """A thread, as the monitor sees it.

    Attributes:
        tid: the system's number of the thread.
        turn: how many tasks it has received.
        busy: whether it has one now.
        surplus: whether it is to park after its task.
        call: whether it is to wake the monitor when it receives a task.
        detached: whether its task counts no longer, nor does the thread: it ends after the task.
        wake: held, except when a parked thread is to go on or to end.
        seen, age: the turn at the last tick, and the ticks since it began. For the monitor.
    """

    __slots__ = ("age", "busy", "call", "detached", "seen", "surplus", "tid", "turn", "wake")

    def __init__(self) -> None:
        self.tid = 0
        self.turn = 0
        self.busy = False
        self.surplus = False
        self.call = False
        self.detached = False
        self.wake = threading.Lock()
        self.wake.acquire()
        self.seen = -1
        self.age = 0

    def look(self) -> bool:
        """Note a tick; tell whether a task was received since the last one."""
        moved, self.seen = self.turn != self.seen, self.turn
        self.age = 0 if moved else self.age + 1
        return moved

    def sleeps(self) -> bool:
        """Whether the task sleeps that it had at the tick, rather than the thread since then."""
        return not is_awake(self.tid) and self.busy and self.turn == self.seen

    @property
    def stuck(self) -> bool:
        """Whether it has been in one task for long."""
        return self.busy and self.age >= PATIENCE


class ParallelThreads:
    """The threads, and the main thread's work: looking after them."""

    def __init__(
        self, work: Work, maximum: int | None, timeout: float | None, idle: float, name: str
    ) -> None:
        """Run tasks by calling `work`, in at most `maximum` threads at a time (None: no limit).

        A task that waits `timeout` seconds for a thread ends the process. Threads that had nothing
        to do for `REST` park, and those that were parked for `idle` seconds end; one goes on to
        wait for tasks. They are called `name`.
        """
        self._work = work
        self._maximum = sys.maxsize if maximum is None else maximum
        self._wait_limit = None if timeout is None else WaitLimit(timeout)
        self._idle = idle
        self._name = name
        self._processors = processors()
        self._source: ParallelSource
        self._wakeup: WakeUp  # wakes the main thread; set with `_lock` held, or by a `call`
        self._quiet_ticks = 0
        self._lock = threading.Lock()
        self._active: list[Member] = []
        self._parked: list[Member] = []
        self._detached: list[Member] = []
        self._ended = False
        self._failure: BaseException | None = None

    # For the main thread

    def serve(self, source: ParallelSource) -> None:
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
            if self._ended:
                return None if self._active or self._parked or self._detached else 0
            moved = sum([member.look() for member in self._active])
            self._quiet_ticks = 0 if moved else self._quiet_ticks + 1
            waiting = self._adjust()
            full = not waiting and len(self._active) >= self._maximum
            pause = self._pause(waiting)
            turn = sum(member.turn for member in self._active)
        if full and self._wait_limit is not None:
            return self._wait_limit.look(self._source, turn)
        return pause

    def _adjust(self) -> bool:
        """Add or take away threads; tell whether one waits for tasks. The lock is held."""
        busy = [member for member in self._active if member.busy]
        waiting = len(self._active) - len(busy)
        if waiting and len(busy) <= self._processors:
            return True
        working = [member for member in busy if not (member.stuck or member.surplus)]
        spare = self._processors - sum(not member.sleeps() for member in working)
        if not waiting and spare > 0:
            return self._grow(min(spare, len(self._active) or 1))
        for member in working[: max(0, (1 - spare) // 2)]:  # half of them: the next tick tells more
            member.surplus = True
        return waiting > 0

    def _pause(self, waiting: bool) -> float | None:
        """Tell when to look again. The lock is held."""
        if not waiting and self._quiet_ticks >= IDLE_TICKS:
            return RETRY  # all are stuck: there are as many as may be, or as the system gives
        if not waiting or self._quiet_ticks < IDLE_TICKS:
            return TICK
        for member in self._active:
            member.call = True
        missed = any(member.turn != member.seen for member in self._active)
        return TICK if missed else None

    def _grow(self, number: int) -> bool:
        """Let more threads receive; tell whether one does. The lock is held."""
        number = min(number, self._maximum - len(self._active))
        for done in range(number):
            if self._parked:
                member = self._parked.pop()
                member.surplus = False
                member.wake.release()
            else:
                member = Member()
                thread = threading.Thread(
                    target=self._run, args=(member,), name=self._name, daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the system has none to give
                    return done > 0
            self._active.append(member)
        return number > 0

    # For the threads

    def _run(self, me: Member) -> None:
        me.tid = threading.get_native_id()
        slot = running.slot()
        slot.on_detach = partial(self._detach, me)
        try:
            while self._serve(me, slot) and self._park(me):
                pass
        except BaseException as error:
            self._end(error)
        finally:
            slot.close()
            self._leave(me)

    def _detach(self, me: Member) -> None:
        """Count a thread out while it runs a task that counts no longer."""
        with self._lock:
            me.detached = True
            self._active.remove(me)
            self._detached.append(me)
            self._wakeup.set()

    def _serve(self, me: Member, slot: Slot) -> bool:
        """Run tasks until this thread is to end (False) or to park (True)."""
        source = self._source.for_thread()
        try:
            return self._run_tasks(me, slot, source)
        finally:
            source.release()

    def _run_tasks(self, me: Member, slot: Slot, source: ThreadSource) -> bool:
        receive, work, rest = source.receive, self._work, min(self._idle, REST)
        timeout: float | None = rest
        while True:
            try:
                task = receive(timeout)
            except TimeoutError:
                if self._count_as_parked(me, beside_others=True):
                    return True
                timeout = None
                continue
            if task is None:
                self._end(None)
                return False
            me.turn += 1
            me.busy = True
            if me.call:
                me.call = False
                self._wakeup.set()
            work(slot, task)
            del task
            me.busy = False
            timeout = rest
            if me.detached:
                return False
            if me.surplus and self._count_as_parked(me):
                return True

    def _count_as_parked(self, me: Member, *, beside_others: bool = False) -> bool:
        """Receive no more until needed; False, if at the end, or if nobody else waits for tasks."""
        with self._lock:
            if self._ended or (
                beside_others and all(member.busy for member in self._active if member is not me)
            ):
                return False
            self._active.remove(me)
            self._parked.append(me)
            self._wakeup.set()  # what seemed to wait may be about to park as well
            return True

    def _park(self, me: Member) -> bool:
        """Wait until this thread is needed; False if it is to end."""
        woken = me.wake.acquire(timeout=self._idle)
        with self._lock:
            if not woken and me in self._parked:
                return False
            if not woken:  # woken just when the time was up
                me.wake.acquire()
            return not self._ended

    def _leave(self, me: Member) -> None:
        with self._lock:
            for members in (self._active, self._parked, self._detached):
                if me in members:
                    members.remove(me)
            self._wakeup.set()

    def _end(self, failure: BaseException | None) -> None:
        """Nothing more will come: all threads end after their tasks."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._failure = failure
            for member in self._parked:
                member.wake.release()
            self._wakeup.set()
        if failure is not None:
            self._source.stop()
