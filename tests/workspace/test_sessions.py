"""What is read out of the output of nox and pytest."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def sessions() -> ModuleType:
    """The script, which is no module of ours that could be imported by name."""
    spec = importlib.util.spec_from_file_location("sessions", Path(__file__).parent / "sessions.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


FAILED = """\
nox > Running session unit-3.11
nox > pytest tests
.F.s
=========================== short test summary info ============================
SKIPPED [2] tests/a/test_b.py:7: curl (the usual client) is not installed
SKIPPED [1] tests/a/test_c.py:9: curl (the usual client) is not installed
FAILED tests/a/test_b.py::test_x[one - two] - AssertionError: assert 1 == 2
ERROR tests/a/test_c.py::test_y - ConnectionError: cut
ERROR    ashd.wsgi:_head.py:3 : this is a line of a log
\x1b[31m===== \x1b[31m\x1b[1m1 failed\x1b[0m, 10 passed, 3 skipped, 1 error in 75.36s (0:01:15) ===
"""


def test_counts_failures_and_reasons(sessions: ModuleType) -> None:
    found = sessions.read(FAILED.splitlines())
    assert found.counts == {"failed": 2, "passed": 10, "skipped": 3}
    assert found.failures == [
        "FAILED tests/a/test_b.py::test_x[one - two] - AssertionError: assert 1 == 2",
        "ERROR tests/a/test_c.py::test_y - ConnectionError: cut",
    ]
    assert found.skipped == Counter({"curl (the usual client) is not installed": 3})


def test_every_run_of_a_session_counts(sessions: ModuleType) -> None:
    found = sessions.read(["== 3 passed in 0.10s ==", "2 passed, 1 warning in 0.20s"])
    assert found.counts["passed"] == 5


def test_a_session_that_nox_skips(sessions: ModuleType) -> None:
    found = sessions.read(["nox > Session spare skipped: no such Python."])
    assert found.not_run == "no such Python."


def test_a_lack_of_network_is_one_sentence(sessions: ModuleType) -> None:
    line = "  WARNING: Retrying: NewConnectionError('<...>: Failed to establish a new connection')"
    outcome = sessions.read([line] * 30)
    ended = sessions.Session("unit-3.11", 1, 5.0, outcome)
    assert sessions.progress(ended) == f"failed in 0:05 ({sessions.NO_NETWORK})"
    assert sessions.failure(ended).splitlines()[1:] == [f"  {sessions.NO_NETWORK}"]


def test_the_summary_ends_with_the_sum(sessions: ModuleType) -> None:
    failed = sessions.Session("unit-3.11", 1, 75.0, sessions.read(FAILED.splitlines()))
    passed = sessions.Session("lint", 0, 1.5, sessions.read(["All checks passed!"]))
    lines = sessions.summary([passed, failed]).splitlines()
    assert lines[0].split() == ["session", "result", "passed", "failed", "skipped", "time"]
    assert lines[1].split() == ["lint", "passed", "0:01"]
    assert lines[2].split() == ["unit-3.11", "failed", "10", "2", "3", "1:15"]
    assert "  3 tests: curl (the usual client) is not installed" in lines
    assert "  ERROR tests/a/test_c.py::test_y - ConnectionError: cut" in lines
    assert lines[-1] == "10 passed, 2 failed, 3 skipped"
