#!/usr/bin/env python3
"""The fuzzer of the target that ASHD_FUZZ_TARGET names; the arguments are libFuzzer's.

It starts itself again to merge, so it is a program of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]
with atheris.instrument_imports(include=["ashd.htparser", "ashd.proto"]):
    from ashdtest.invariants import TARGETS

atheris.Setup(sys.argv, TARGETS[os.environ["ASHD_FUZZ_TARGET"]])
atheris.Fuzz()
