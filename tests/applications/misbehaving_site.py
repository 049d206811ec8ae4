"""All applications that misbehave behind one server; the first segment of the path names one.

`/good` behaves. `/report` tells what requests have left behind, after the garbage collector has
run; it doesn't run by itself here.
"""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from ashdtest.misbehaving import Pieces, load, names


class Canary:
    """Lives as long as the request's memory does."""

    __slots__ = ("__weakref__", "name")

    def __init__(self, name: str) -> None:
        self.name = name


alive: weakref.WeakSet[Canary] = weakref.WeakSet()
applications = {name: load(name).application for name in names()}


def report() -> dict[str, Any]:
    uncollected = sorted({canary.name for canary in alive})
    gc.collect()
    return {
        "uncollected": uncollected,
        "alive": sorted({canary.name for canary in alive}),
        "unequal": Pieces.unequal(),
    }


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    name = environ["PATH_INFO"].split("/")[1]
    if name in applications:
        environ["test.canary"] = canary = Canary(name)
        alive.add(canary)
        result: Iterable[bytes] = applications[name](environ, start_response)
        return result
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(report() if name == "report" else name).encode()]


gc.collect()
gc.disable()
