"""When a client is too slow with its body."""

from __future__ import annotations

import pytest

from ashd.htparser._limits import PAUSE_TIME, STALL_TIME, Limits
from ashd.htparser._pace import BodyPace

RATE = 500
MINUTE = Limits(body_time=60.0, body_rate=RATE)


def until_behind(pace: BodyPace, now: float) -> float:
    """Return the time that is left, in hundredths of a second."""
    return next(step / 100 for step in range(10_000) if pace.is_behind(now + step / 100))


def test_a_body_of_which_nothing_comes_is_behind_soon() -> None:
    assert until_behind(BodyPace(MINUTE, 5.0), 5.0) == pytest.approx(STALL_TIME, abs=0.02)


def test_bytes_pay_for_a_pause() -> None:
    """A few for a short one; however many there are, not for a long one."""
    for size, pause in ((RATE // 2, STALL_TIME + 0.5), (1400, PAUSE_TIME), (10**9, PAUSE_TIME)):
        pace = BodyPace(MINUTE, 0.0)
        pace.came(size, 0.0)
        assert until_behind(pace, 0.0) == pytest.approx(pause, abs=0.02)


@pytest.mark.parametrize("rate", [RATE - 100, RATE + 100])
def test_a_trickle_is_behind_if_it_is_slower_than_the_least_rate(rate: int) -> None:
    pace = BodyPace(MINUTE, 0.0)
    behind = []
    for tenth in range(600):
        pace.came(rate // 10, tenth / 10)
        behind.append(pace.is_behind(tenth / 10))
    assert behind[-1] == (rate < RATE)
    assert (pace.deadline > 60 + 59) == (rate > RATE)


def test_without_a_rate_any_byte_will_do() -> None:
    pace = BodyPace(Limits(body_time=60.0, body_rate=0), 0.0)
    pace.came(1, 7.0)
    assert pace.deadline == 67.0
    assert until_behind(pace, 7.0) == pytest.approx(PAUSE_TIME, abs=0.02)


def test_what_the_handler_takes_does_not_count() -> None:
    pace = BodyPace(MINUTE, 0.0)
    pace.wait_for_handler(STALL_TIME / 2)
    pace.go_on(1000.0)
    assert until_behind(pace, 1000.0) == pytest.approx(STALL_TIME / 2, abs=0.02)
    assert pace.deadline == pytest.approx(1060.0 - STALL_TIME / 2)
