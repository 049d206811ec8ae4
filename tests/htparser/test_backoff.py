"""How long to wait before something that has died is started again."""

from __future__ import annotations

from ashd.htparser._limits import HEALTHY_AGE, LONGEST_DELAY, LONGEST_LOADING_DELAY
from ashd.htparser._process import Backoff


def test_delays_grow_up_to_the_longest() -> None:
    backoff = Backoff()
    delays = [backoff.delay(0) for _ in range(2000)]
    assert delays[:3] == [0.1, 0.2, 0.4]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_LOADING_DELAY


def test_one_that_has_lived_for_long_is_started_again_soon() -> None:
    backoff = Backoff()
    for _ in range(20):
        backoff.delay(0, LONGEST_DELAY)
    assert backoff.delay(HEALTHY_AGE / 2, LONGEST_DELAY) == LONGEST_DELAY
    assert backoff.delay(HEALTHY_AGE, LONGEST_DELAY) == 0.1
