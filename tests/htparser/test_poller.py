"""The poller inside the event loop, and what goes wrong in its callbacks."""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from functools import partial

import pytest

from ashd.htparser._poller import Poller


def test_an_internal_error_is_logged_and_harms_nobody_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ashd.htparser"), "propagate", True)
    calls: list[str] = []

    def fail(_: int = 0) -> None:
        calls.append("failed")
        raise RuntimeError("a mistake")

    async def scenario() -> None:
        poller = Poller(asyncio.get_running_loop())
        pairs = [socket.socketpair() for _ in range(2)]
        for (ours, theirs), callback in zip(
            pairs, (fail, lambda _: calls.append("called")), strict=True
        ):
            theirs.close()
            poller.add(ours.fileno(), select.EPOLLIN | select.EPOLLONESHOT, callback)
        poller.later(fail)
        poller.later(lambda: calls.append("served"))
        while len(calls) < 4:
            await asyncio.sleep(0)
        poller.close()
        for ours, _ in pairs:
            ours.close()

    asyncio.run(scenario())
    assert calls.count("failed") == 2
    assert "served" in calls
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "a mistake",
        "a mistake",
    ]


def test_a_step_waits_for_few_of_those_before_it() -> None:
    async def scenario() -> list[int]:
        poller = Poller(asyncio.get_running_loop())
        taken: list[int] = []
        for number in range(6):
            poller.in_turns(partial(taken.append, number))
        while len(taken) < 6:
            await asyncio.sleep(0)
        poller.close()
        return taken

    assert asyncio.run(scenario()) == [5, 0, 4, 1, 3, 2]
