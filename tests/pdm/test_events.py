"""Events: whoever makes one is never blocked and never bothered, and a slow client learns what it
has lost.
"""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import cli, perf, srv
from ashdtest.debugsocket import RawClient
from ashdtest.processes import wait_until


def test_a_stalled_subscriber_loses_events_and_is_told_how_many(address: str, module: Any) -> None:
    module.source = perf.EventSource()
    total = 50_000
    with cli.perfclient(address) as client:
        received: list[perf.Event] = []
        client.lookup(module.__name__, "source").subscribe(received.append)
        for number in range(total):
            module.source.notify(perf.ProcEvent(number))
        lost = 0
        while len(received) - sum(bool(event.lost) for event in received) + lost < total:
            assert client.dispatch(20)
            lost = sum(event.lost for event in received)
        got = [event.id for event in received if isinstance(event, perf.ProcEvent)]
        assert got == sorted(got)
        assert lost > 0
        assert len(got) + lost == total
        module.source.notify(perf.ProcEvent("next"))
        client.dispatch(20)
        assert received[-1].id == "next"  # type: ignore[attr-defined]


def test_events_that_nobody_takes_need_not_be_made(address: str, module: Any) -> None:
    source = module.source = perf.EventSource()
    assert not source.wanted()
    with cli.perfclient(address) as client:
        received: list[perf.Event] = []
        client.lookup(module.__name__, "source").subscribe(received.append)
        missed = made = 0
        while missed < 100:
            if source.wanted(2):
                source.notify(perf.ProcEvent("x" * 1000))
                made += 1
            else:
                missed += 2
        while len([event for event in received if not event.lost]) < made:
            assert client.dispatch(20)
        wait_until(source.wanted)
        source.notify(perf.ProcEvent("next"))
        while sum(event.lost for event in received) < missed:
            assert client.dispatch(20)
        assert sum(event.lost for event in received) == missed


def test_a_subscriber_of_any_kind_wants_every_event() -> None:
    source = perf.EventSource()
    seen: list[object] = []
    source.subscribe(seen.append)
    assert source.wanted()


def test_another_subscriber_loses_nothing_to_a_stalled_one(address: str, module: Any) -> None:
    module.source = perf.EventSource()
    with RawClient(address, "perf") as stalled, RawClient(address, "perf") as quick:
        for client in (stalled, quick):
            client.ask("bind", 1, module.__name__, "source")
            client.ask("subs", 1)
        for number in range(5000):
            module.source.notify([number, "x" * 200])
            assert quick.message() == ("*", 1, [number, "x" * 200])


def test_a_subscriber_that_never_reads_is_dropped(place: Path, module: Any) -> None:
    module.source = perf.EventSource()
    limits = srv.Limits(send_timeout=0.2)
    with srv.listen(str(place / "s"), limits=limits), RawClient(str(place / "s"), "perf") as client:
        client.ask("bind", 1, module.__name__, "source")
        client.ask("subs", 1)

        def is_dropped() -> bool:
            module.source.notify("x" * 10_000)
            return not module.source

        wait_until(is_dropped)


def test_requests_are_answered_between_events(address: str, module: Any) -> None:
    module.source = perf.EventSource()
    stop = threading.Event()

    def emit() -> None:
        while not stop.is_set():
            module.source.notify({"a": 1})

    thread = threading.Thread(target=emit)
    with cli.perfclient(address) as client:
        client.lookup(module.__name__, "source").subscribe(lambda _event: None)
        thread.start()
        try:
            pid = client.find("pdm.perf.sysinfo/pid")
            assert len({pid.readattr() for _ in range(5)}) == 1
        finally:
            stop.set()
            thread.join()


def test_an_event_that_cant_be_sent_counts_as_lost(address: str, module: Any) -> None:
    module.source = perf.EventSource()
    with cli.perfclient(address) as client:
        received: list[perf.Event] = []
        client.lookup(module.__name__, "source").subscribe(received.append)
        module.source.notify(threading.Lock())
        module.source.notify(perf.Event())
        while len(received) < 2:
            assert client.dispatch(20)
        assert sorted(event.lost for event in received) == [0, 1]


def test_a_subscriber_that_raises_bothers_nobody(caplog: pytest.LogCaptureFixture) -> None:
    source = perf.EventSource()
    received: list[object] = []

    def bad(_event: object) -> None:
        raise ValueError

    source.subscribe(bad)
    source.subscribe(received.append)
    source.notify(1)
    assert received == [1]
    assert "a subscriber failed" in caplog.text
    source.unsubscribe(bad)
    with pytest.raises(ValueError, match="not subscribed"):
        source.unsubscribe(bad)


def test_events_from_destructors_and_many_threads(address: str, module: Any) -> None:
    module.source = perf.EventSource()

    class Emits:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            module.source.notify("from a destructor")

    def emit() -> None:
        for _ in range(300):
            Emits()
            module.source.notify("x")
            gc.collect(0)

    with RawClient(address, "perf") as client:
        client.ask("bind", 1, module.__name__, "source")
        client.ask("subs", 1)
        threads = [threading.Thread(target=emit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.message()[:2] == ("*", 1)


def test_ids() -> None:
    one, two = perf.startevent(), perf.startevent()
    assert one.id != two.id
    assert perf.finishevent(one).id == one.id
    assert perf.finishevent(one, True).aborted is True
    assert perf.procevent(two).id == two.id
    assert one.time <= two.time


def test_lost_events_of_several_subscriptions_are_told_apart(place: Path, module: Any) -> None:
    module.one, module.two = perf.EventSource(), perf.EventSource()
    limits = srv.Limits(queued_events=10)
    with srv.listen(str(place / "s"), limits=limits), cli.perfclient(str(place / "s")) as client:
        lost = {"one": 0, "two": 0}

        def count(name: str, event: perf.Event) -> None:
            lost[name] += event.lost or 1

        client.lookup(module.__name__, "one").subscribe(lambda event: count("one", event))
        client.lookup(module.__name__, "two").subscribe(lambda event: count("two", event))
        for _ in range(3000):
            module.one.notify(perf.Event())
        for _ in range(2000):
            module.two.notify(perf.Event())
        while lost != {"one": 3000, "two": 2000}:
            assert client.dispatch(20)
