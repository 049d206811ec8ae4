"""The lists of helpers and benchmarks are whole: what isn't found is written again."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_helper_is_listed() -> None:
    text = (ROOT / "tests/support/README.md").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "tests/support/ashdtest").glob("*.py")}
    modules -= {"echo"}  # a program that dirplexes starts
    assert {
        name for name in modules if f"`{name}`" not in text and f"`{name}." not in text
    } == set()


def test_every_benchmark_is_listed() -> None:
    text = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    scripts = {path.name for path in (ROOT / "benchmarks").glob("bench_*.py")}
    assert {name for name in scripts if f"`{name}`" not in text} == set()
