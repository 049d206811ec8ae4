"""The PERF objects."""

from __future__ import annotations

import os
from typing import Any

from ashd.pdm.perf import Attribute, Directory, EventSource
from ashd.serve import running
from ashd.wsgi import VERSION

from ._counters import counters

about: dict[str, str] = {"version": VERSION, "model": ""}
"""What doesn't change in the life of the process; filled in when the debug socket is opened."""

statistics: Directory = Directory(
    {
        "req": Attribute(counters.by_status, "responses by status code"),
        "aborted": Attribute(counters.aborted, "responses whose client went away"),
        "latency": Attribute(counters.latency, "times of responses, in seconds", merge="each"),
    }
)

requests: EventSource = EventSource()


def _server() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        **about,
        "requests_total": counters.by_status(),
        "aborted_total": counters.aborted(),
        "latency": counters.latency(),
        "in_flight": [
            {
                "thread": held.ident,
                "age": held.age,
                **describe(held.task.describe()),
                **id_of(held.task),
                **({"switched": True} if getattr(held.task, "switched", False) else {}),
            }
            for held in running.snapshot()
        ],
    }


server: Attribute[dict[str, Any]] = Attribute(_server, "the state of this process", merge="each")


def describe(text: str) -> dict[str, str]:
    """Return what a task says of itself as method and uri."""
    method, _, uri = text.partition(" ")
    return {"method": method, "uri": uri}


def id_of(task: object) -> dict[str, str]:
    """Return the id of the request that a task serves, if it has one."""
    found = getattr(task, "request_id", "")
    return {"request_id": found} if found else {}


def request_of(ident: int) -> dict[str, Any] | None:
    """Return the request that a thread holds, for the debug socket's stacks."""
    for held in running.snapshot():
        if held.ident == ident:
            words = describe(held.task.describe())
            known = {"method": words["method"], "url": words["uri"], "age": held.age}
            return {**known, **id_of(held.task)}
    return None
