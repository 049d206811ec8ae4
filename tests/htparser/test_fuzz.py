"""What holds whatever bytes come in, with all inputs that the fuzzer has kept (tests/fuzz)."""

from __future__ import annotations

import pytest

from ashdtest.corpus import all_cases
from ashdtest.fuzzinputs import read_inputs
from ashdtest.invariants import TARGETS

INPUTS = {name: read_inputs(name) for name in TARGETS}
INPUTS["requests"] += [case.data for case in all_cases().values()]


@pytest.mark.parametrize("target", TARGETS)
def test_inputs(target: str) -> None:
    assert INPUTS[target]
    for data in INPUTS[target]:
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"input: {data!r}")
            raise
