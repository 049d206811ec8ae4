"""Counters: what several threads have counted, each by itself, is told as one."""

from __future__ import annotations

from ashd.perf._counters import BOUNDS, Counters


def test_what_threads_have_counted_is_added_up() -> None:
    counters = Counters()
    for _ in range(3):
        tally = counters.tally()
        tally.count("200", 0.25, False)
        tally.count("200", 100.0, True)
        tally.count("404", None, False)
    assert counters.by_status() == {"200": 6, "404": 3}
    assert counters.aborted() == 3
    latency = counters.latency()
    assert latency["count"] == 6
    assert latency["sum"] == 3 * 100.25
    cumulative = [[bound, 3 if bound >= 0.25 else 0] for bound in BOUNDS]
    assert latency["buckets"] == [*cumulative, [float("inf"), 6]]
