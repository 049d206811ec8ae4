"""The built-in object `profile`: samples all threads from inside, without help of the system or of
another tool.

It runs in the thread of the server that serves the call, and ends when its client leaves. What a
sample costs is measured in CPU time as it goes, and the samples are taken less often when that
would be more than `MAX_SHARE` of one core. Frames are noted as code and offset, both at hand; names
and line numbers are worked out once, at the end.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from types import CodeType, FrameType

from .._records import Profile
from ._call import MAX_SECONDS, between, wait_left
from ._objects import Functions

DEFAULT_RATE = 50.0
"""Samples a second. Not too many: each one takes the interpreter lock from other threads."""

DEFAULT_SECONDS = 5.0
MAX_RATE = 1000.0

MAX_SHARE = 0.02
"""Of one core's time."""

MAX_STACKS = 20_000
"""Different stacks that are kept, some 20 MB. Those beyond are counted as `dropped`."""

MAX_DEPTH = 200
"""Frames of a stack that are noted, from the inner end."""

HELPERS = {"ashd-pdm-accept", "ashd-pdm-worker", "ashd-pdm-watch", "ashd-pdm-events"}
"""Threads of the server that only ever wait. Those that run REPL code are shown."""

Stack = tuple[tuple[CodeType, int], ...]


class _Clocks:
    """How much CPU time each thread has used, in sampling periods."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._native: dict[int, int | None] = {}
        self._counted: dict[int, float] = {}

    def periods(self, ident: int) -> int:
        """Return how many whole periods the thread has used that were not counted yet."""
        if ident not in self._native:
            known = {thread.ident: thread.native_id for thread in threading.enumerate()}
            self._native[ident] = known.get(ident)
        native = self._native[ident]
        try:
            used = 0.0 if native is None else time.clock_gettime(_clock_of(native))
        except OSError:  # it has ended, and another may get its ident
            del self._native[ident]
            self._counted.pop(ident, None)
            return 0
        whole = int((used - self._counted.setdefault(ident, used)) / self._period)
        self._counted[ident] += whole * self._period
        return whole


def _clock_of(native_id: int) -> int:
    """Return the clock of a thread's CPU time (Linux: MAKE_THREAD_CPUCLOCK in posix-timers.h).

    `time.pthread_getcpuclockid` would crash the process if the thread had ended meanwhile.
    """
    return ~native_id << 3 | 6


class _Sampler:
    """The samples of one call. Used in one thread."""

    def __init__(self, clocks: _Clocks | None) -> None:
        self._clocks = clocks
        self._counts: Counter[tuple[int, Stack]] = Counter()
        self._names: dict[int, str] = {}
        self.samples = 0
        self.dropped = 0
        helpers = {thread.ident for thread in threading.enumerate() if thread.name in HELPERS}
        self._hidden = {threading.get_ident(), *helpers}

    def sample(self) -> None:
        self.samples += 1
        for ident, frame in sys._current_frames().items():
            if ident not in self._hidden:
                weight = 1 if self._clocks is None else self._clocks.periods(ident)
                if weight:
                    self._count((ident, _walk(frame)), weight)

    def _count(self, key: tuple[int, Stack], weight: int) -> None:
        if len(self._counts) >= MAX_STACKS and key not in self._counts:
            self.dropped += weight
            return
        self._counts[key] += weight
        if key[0] not in self._names:
            self._names |= {thread.ident or 0: thread.name for thread in threading.enumerate()}
            self._names.setdefault(key[0], f"thread-{key[0]}")

    def collapsed(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (ident, stack), count in self._counts.items():
            labels = [self._names[ident], *(_label(code, at) for code, at in reversed(stack))]
            found[";".join(label.replace(";", ":") for label in labels)] += count
        return dict(found)


def _walk(frame: FrameType | None) -> Stack:
    found: list[tuple[CodeType, int]] = []
    while frame is not None and len(found) < MAX_DEPTH:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def _label(code: CodeType, offset: int) -> str:
    lines = (line for start, end, line in code.co_lines() if start <= offset < end and line)
    return f"{code.co_qualname} ({code.co_filename}:{next(lines, code.co_firstlineno)})"


def run(seconds: float = DEFAULT_SECONDS, rate: float = DEFAULT_RATE, cpu: bool = False) -> Profile:
    """Sample all other threads for `seconds`, `rate` times a second at most.

    A thread counts each time, whether it works or waits; with `cpu`, once for each 1/`rate` seconds
    that it was on a processor (on Linux, and for threads that the module threading knows).

    Returns `stacks` (a dict from `thread;outer;...;inner` to the number of samples; each frame is
    `function (file:line)`), `samples`, `dropped`, `seconds` (how long it took), `rate` (that was
    reached), `cputime` (seconds that it cost), `mode` (`wall` or `cpu`), `left` (whether the
    client left before the end).
    """
    pause = 1 / between("rate", rate, MAX_RATE)
    until = time.monotonic() + between("seconds", seconds, MAX_SECONDS)
    sampler, left = _Sampler(_Clocks(pause) if cpu else None), False
    begun, cpu_begun = time.monotonic(), time.thread_time()
    while not left and (now := time.monotonic()) < until:
        sampler.sample()
        cost = (time.thread_time() - cpu_begun) / sampler.samples
        left = wait_left(min(max(pause, cost / MAX_SHARE), max(until - now, 0.0)))
    took = time.monotonic() - begun
    return {
        "stacks": {} if left else sampler.collapsed(),
        "samples": sampler.samples,
        "dropped": sampler.dropped,
        "seconds": took,
        "mode": "cpu" if cpu else "wall",
        "rate": rate if cpu else sampler.samples / took if took else 0.0,
        "cputime": time.thread_time() - cpu_begun,
        "left": left,
    }


profile: Functions = Functions(run=run)
