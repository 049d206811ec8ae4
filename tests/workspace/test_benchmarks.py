"""The benchmarks: they run, and their comparison tells a difference from noise."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from _compare import UNCLEAR, interval, verdict
from _measure import Benchmark, report, run

from ashdtest.outside import needs

ROOT = Path(__file__).parents[2]


def noisy(effect: float, seed: int) -> list[float]:
    """Return ratios of pairs as a busy machine gives them: sometimes far away."""
    source = random.Random(seed)
    strays = [1.0] * 18 + [3.0, 1 / 3]
    return [effect * source.lognormvariate(0, 0.03) * source.choice(strays) for _ in range(20)]


def said(effect: float) -> Counter[str]:
    """Count what is said of many runs."""
    intervals = (interval(noisy(effect, seed), 0.01) for seed in range(300))
    return Counter(verdict(*each, "faster", "slower") for each in intervals)


def test_a_comparison_tells_a_difference_from_noise() -> None:
    assert said(1.0)[UNCLEAR] > 290
    assert said(1.2)["slower"] > 290
    assert said(0.8)["faster"] > 290


def test_a_few_pairs_tell_nothing() -> None:
    assert verdict(*interval([2.0, 2.0, 2.0], 0.01), "faster", "slower") == UNCLEAR


def test_cases_run_in_turn_and_are_compared_by_their_medians() -> None:
    order = []

    def case(name: str, *rates: float) -> object:
        left = list(rates)

        def measure() -> dict[str, dict[str, float | tuple[float, ...]]]:
            order.append(name)
            return {"": {"requests/s": left.pop(0), "CPU us": (20.0, 30.0, 0.01)}}

        return measure

    cases = {"a": case("a", 10, 1000, 20), "b": case("b", 40, 41, 39)}
    benchmark = Benchmark("Title", "About.", cases, "a")  # type: ignore[arg-type]
    text = report(benchmark, run(benchmark, 3))
    assert order == list("ababab")
    assert "| b   |         40 | 2.000 | 20 + 30 |" in text


@needs("cc")
def test_benchmarks_run() -> None:
    command = [sys.executable, "benchmarks", "--quick", "--seconds", "0.01", "handlers", "wsgidir"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "## Handlers alone" in done.stdout
    assert "## Applications in files" in done.stdout
    assert not done.stderr
