"""What the fuzzer keeps: `tests/fuzz/TARGET.jsonl`, one input a line, its bytes in latin-1."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "fuzz"


def read_inputs(target: str) -> list[bytes]:
    """Return the inputs that are kept for a target."""
    lines = (FOLDER / f"{target}.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line).encode("latin-1") for line in lines]


def write_inputs(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs for a target, and no others."""
    lines = sorted(json.dumps(data.decode("latin-1")) for data in inputs)
    text = "".join(f"{line}\n" for line in lines)
    (FOLDER / f"{target}.jsonl").write_text(text, encoding="ascii")
