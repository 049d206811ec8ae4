from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ashd.pdm._records import Process, Server
from ashd.pdm.command.top._figures import History, quantile
from ashd.pdm.command.top._look import Look, Row
from ashd.pdm.command.top._view import Frame, as_text, curve, layout


def process(pid: int = 7, cputime: float = 1.0) -> Process:
    return {
        "pid": pid,
        "time": 0.0,
        "cputime": cputime,
        "rss": 50 << 20,
        "threads": 4,
        "fds": 9,
        "realtime": 3700.0,
        "python": "3.12.1",
    }


def server(ok: int = 0, failed: int = 0, slow: int = 0) -> Server:
    return {
        "requests_total": {"200": ok, "500": failed},
        "latency": {
            "count": ok + slow,
            "sum": 1.0,
            "buckets": [(0.01, ok), (0.1, ok), (math.inf, ok + slow)],
        },
        "in_flight": [],
    }


def look(time: float, rows: list[Row] | None = None, **workers: Any) -> Look:
    processes = {name.strip("_"): found[0] for name, found in workers.items()}
    servers = {name.strip("_"): found[1] for name, found in workers.items()}
    return Look(time, processes, servers, rows or [])


def test_rates_come_from_two_looks() -> None:
    history = History()
    history.add(look(10.0, _=(process(cputime=1.0), server(ok=100))))
    assert history.total.requests == 0
    history.add(look(12.0, _=(process(cputime=1.5), server(ok=150, failed=10))))
    assert history.total.requests == 30
    assert history.total.codes == {"200": 25, "500": 5}
    assert history.total.cpu == 0.25
    assert history.total.total == 160
    assert list(history.curves["requests"]) == [30]


def test_workers_are_added_up() -> None:
    history = History()
    history.add(look(0.0, a=(process(1), server(10)), b=(process(2), server(20))))
    history.add(look(1.0, a=(process(1), server(11)), b=(process(2), server(22))))
    assert history.workers["a"].requests == 1
    assert history.workers["b"].requests == 2
    assert history.total.requests == 3
    assert history.total.threads == 8


def test_a_worker_that_was_replaced_begins_at_nothing() -> None:
    history = History()
    history.add(look(0.0, a=(process(1, cputime=50), server(1000))))
    history.add(look(1.0, a=(process(2, cputime=0.5), server(3))))
    assert history.total.requests == 3
    assert history.total.cpu == 0.5


def test_quantiles_lie_inside_their_bucket() -> None:
    kept = {0.01: 90.0, 0.1: 10.0, math.inf: 0.0}
    median = quantile(kept, 0.5)
    assert median is not None
    assert 0 < median <= 0.01
    late = quantile(kept, 0.99)
    assert late is not None
    assert 0.01 < late <= 0.1
    assert quantile({0.01: 0.0}, 0.5) is None
    assert quantile({0.01: 1.0, math.inf: 99.0}, 0.99) == math.inf


@given(
    st.dictionaries(st.sampled_from([0.001, 0.01, 0.1, 1.0]), st.integers(0, 50), min_size=1),
    st.floats(0.01, 1.0),
)
@example(numbers={0.1: 0, 1.0: 13}, share=1.0)  # 0.1 + 0.9 is more than 1
def test_quantiles_have_their_share_below(numbers: dict[float, int], share: float) -> None:
    total = sum(numbers.values())
    found = quantile({bound: float(number) for bound, number in numbers.items()}, share)
    if not total:
        assert found is None
        return
    assert found is not None
    at_most = sum(number for bound, number in numbers.items() if bound <= found)
    surely = sum(number for bound, number in numbers.items() if bound >= found)
    assert at_most <= share * total + 1e-6 or at_most - share * total < max(numbers.values()) + 1
    assert surely > 0


def full_history(**changes: Any) -> History:
    history = History()
    rows = [Row("a", 1, 2.5, "GET /slow?\x1b[2J"), Row("a", 2, 0.01, "GET /日本")]
    for at in range(30):
        history.add(look(float(at), rows, a=(process(1), server(at * 10, at, at)), **changes))
    return history


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("lines", [5, 12, 24, 60])
@pytest.mark.parametrize("stack_open", [False, True])
def test_the_screen_is_filled_and_no_more(columns: int, lines: int, stack_open: bool) -> None:
    frame = Frame("x", columns=columns, lines=lines, stack_open=stack_open)
    shown = layout(full_history(), frame)
    assert len(shown) == lines
    assert all(text.isprintable() for line in shown for _, text in line)


def test_what_is_on_the_screen() -> None:
    text = as_text(layout(full_history(), Frame("/run/x", columns=100, lines=30)))
    for expected in ("/run/x", "11.0 /s", "p50", "500", "WORKER", "2.5 s", "GET /slow?\\x1b[2J"):
        assert expected in text


def test_a_selected_row_is_always_on_the_screen() -> None:
    rows = [Row("", number, None, f"thread {number:03}") for number in range(200)]
    history = History()
    history.add(Look(1.0, {"": process()}, {}, rows))
    for selected in (0, 1, 17, 100, 198, 199):
        frame = Frame("x", lines=24, selected=selected, threads=True)
        assert f"thread {selected:03}" in as_text(layout(history, frame))


def test_a_daemon_without_requests_shows_what_there_is() -> None:
    history = History()
    history.add(Look(1.0, {"": process()}, {}, [Row("", 1, None, "MainThread: wait")]))
    text = as_text(layout(history, Frame("x", threads=True)))
    assert "served" not in text
    assert "MainThread" in text
    assert "50.0 MiB" in text


def test_a_stack() -> None:
    row = Row("", 1, 2.0, "GET /")
    history = History()
    stack = [("/app/views.py", 12, "export", "time.sleep(9)")]
    history.add(Look(1.0, {"": process()}, {"": server()}, [row], stack, row))
    text = as_text(layout(history, Frame("x", stack_open=True)))
    assert "STACK of GET /" in text
    assert "/app/views.py:12" in text


def test_a_stack_of_what_is_over() -> None:
    history = History()
    for row, said in {
        Row("", 1, 2.0, "GET /"): "it is over",
        Row("", None, 2.0, "GET /"): "no thread is known for it",
    }.items():
        history.add(Look(1.0, {"": process()}, {"": server()}, [], [], row))
        text = as_text(layout(history, Frame("x", stack_open=True)))
        assert f"GET /: {said}" in text


def test_all_workers_have_ended() -> None:
    history = History()
    history.add(Look(1.0, {}, {}, []))
    assert as_text(layout(history, Frame("/run/x"))).startswith("ashd-pdm top  /run/x\n")


@given(st.lists(st.floats(0, 1e12)))
def test_curves(values: list[float]) -> None:
    drawn = curve(values)
    assert len(drawn) == len(values)
    if values and max(values) > 0:
        assert drawn[values.index(max(values))] == "█"
