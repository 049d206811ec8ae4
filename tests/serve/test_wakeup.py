"""A wake-up is seen however often and whenever it is set, and hinders nobody."""

from __future__ import annotations

import threading

from ashd.serve import WakeUp
from ashdtest.processes import DEADLINE, descriptors


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


def test_one_thread_may_set_what_another_closes() -> None:
    """It must neither raise nor write into what has got the descriptor's number since."""
    before = descriptors()
    for _ in range(300):
        wakeup, began, errors = WakeUp(), threading.Event(), list[OSError]()

        def go_on(wakeup: WakeUp, began: threading.Event, errors: list[OSError]) -> None:
            while wakeup.fileno() >= 0:
                try:
                    wakeup.set()
                except OSError as error:
                    errors.append(error)
                began.set()

        thread = threading.Thread(target=go_on, args=(wakeup, began, errors))
        thread.start()
        assert began.wait(DEADLINE)
        wakeup.close()
        thread.join(DEADLINE)
        assert errors == []
    assert descriptors() == before
