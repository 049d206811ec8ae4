"""Samples: stacks, and how often each one was met. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePath
from typing import NamedTuple

from ..._records import Profile

Stack = tuple[str, ...]
"""Labels from the thread's name inwards; each but the first is `function (file:line)`."""

_LABEL = re.compile(r"(?P<function>.*?) \((?P<file>.*):(?P<line>\d+)\)", re.DOTALL)

WAITS = {"wait", "wait_for", "accept", "select", "poll", "sigwait", "sigtimedwait", "epoll_wait"}
"""Functions, whatever their file, in which nothing but waiting is done at the inner end of a stack
(underscores in front don't count).
"""

OTHER_WAITS = {
    "threading.py": {"Thread._wait_for_tstate_lock", "Thread.join", "Semaphore.acquire"},
    "queue.py": {"Queue.get", "Queue.put"},
    "subprocess.py": {"Popen._try_wait"},
    "thread.py": {"_worker"},
    "_listener.py": {"Listener._accept_all"},
    "_workers.py": {"Attachment._receive"},
    "_shutdown.py": {"Shutdown._wait_for_end"},
    "_multiplexer.py": {"Multiplexer._turn"},
    "_reception.py": {"Reception._wait_for_any", "Reception._wait_among_workers"},
}
"""Others, by file."""

MEASURES = {"wall": "wall clock", "cpu": "CPU time"}


class Place(NamedTuple):
    """What a label says."""

    function: str
    file: str = ""
    line: int | None = None

    @property
    def short(self) -> str:
        """The function with the last two parts of its file's name."""
        if not self.file:
            return self.function
        return f"{self.function} ({'/'.join(PurePath(self.file).parts[-2:])}:{self.line})"


@lru_cache(maxsize=100_000)
def place(label: str) -> Place:
    """Take a label apart."""
    found = _LABEL.fullmatch(label)
    return Place(found[1], found[2], int(found[3])) if found else Place(label)


def waits(stack: Stack) -> bool:
    """Whether the thread only waits for something, as far as the inner end of its stack tells."""
    inner = place(stack[-1])
    name = inner.function.rpartition(".")[2].lstrip("_")
    return name in WAITS or inner.function in OTHER_WAITS.get(PurePath(inner.file).name, ())


@dataclass(frozen=True)
class Samples:
    """What a profile found out. `idle` counts the samples that were left out."""

    stacks: dict[Stack, int]
    seconds: float
    rate: float
    idle: int = 0
    dropped: int = 0
    mode: str = "wall"

    @cached_property
    def total(self) -> int:
        """How many samples there are."""
        return sum(self.stacks.values())

    @property
    def measure(self) -> str:
        """What was sampled, in words."""
        return MEASURES.get(self.mode, self.mode)


def read_answers(answers: dict[str, Profile], *, idle: bool) -> Samples:
    """Return the samples of all processes; `idle` keeps threads that only wait."""
    stacks: Counter[Stack] = Counter()
    left_out = 0
    found = list(answers.values())
    modes = {str(one.get("mode", "wall")) for one in found}
    for worker, answer in answers.items():
        for text, number in answer["stacks"].items():
            stack = tuple(text.split(";"))
            if not idle and modes != {"cpu"} and waits(stack):
                left_out += number
            else:
                stacks[(f"worker {worker}", *stack) if worker else stack] += number
    return Samples(
        dict(stacks),
        max((one["seconds"] for one in found), default=0.0),
        sum(one["rate"] for one in found) / max(len(found), 1),
        left_out,
        sum(one["dropped"] for one in found),
        "/".join(sorted(modes)) or "wall",
    )
