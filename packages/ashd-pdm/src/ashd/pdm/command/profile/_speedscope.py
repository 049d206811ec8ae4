"""The format of speedscope (https://www.speedscope.app/file-format-schema.json)."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

from ._stacks import place

if TYPE_CHECKING:
    from ._stacks import Samples, Stack

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def write_speedscope(samples: Samples, title: str) -> str:
    """Return the JSON, with a profile for each thread, in seconds."""
    frames: dict[str, int] = {}
    threads: dict[str, list[tuple[Stack, int]]] = {}
    for stack, count in sorted(samples.stacks.items()):
        for label in stack[1:]:
            frames.setdefault(label, len(frames))
        threads.setdefault(stack[0], []).append((stack[1:], count))
    profiles = [_profile(name, found, frames, samples.period) for name, found in threads.items()]
    version = importlib.metadata.version("ashd-pdm")
    return json.dumps(
        {
            "$schema": SCHEMA,
            "name": title,
            "exporter": f"ashd-pdm {version}",
            "shared": {"frames": [_frame(label) for label in frames]},
            "profiles": profiles,
        }
    )


def _frame(label: str) -> dict[str, Any]:
    found = place(label)
    if not found.file:
        return {"name": found.function}
    return {"name": found.function, "file": found.file, "line": found.line}


def _profile(
    name: str, found: list[tuple[Stack, int]], frames: dict[str, int], period: float
) -> dict[str, Any]:
    weights = [count * period for _, count in found]
    return {
        "type": "sampled",
        "name": name,
        "unit": "seconds",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [[frames[label] for label in stack] for stack, _ in found],
        "weights": weights,
    }
