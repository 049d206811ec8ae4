"""A wake-up is seen however often and whenever it is set, and hinders nobody."""

from __future__ import annotations

from ashd.serve import WakeUp
from ashdtest.processes import descriptors


def test_more_wake_ups_than_a_pipe_holds_are_one() -> None:
    before = descriptors()
    wakeup = WakeUp()
    for _ in range(100_000):
        wakeup.set()
    wakeup.wait(None)
    while wakeup.take():
        pass
    wakeup.set(b"word")
    assert wakeup.take() == b"word"
    for _ in range(2):
        wakeup.close()
        wakeup.set()
    assert descriptors() == before
