"""`ashd-wsgi -m`: what a running server tells over its debug socket."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import cli
from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import MODELS, children, program, wait_until

HERE = Path(__file__).parent


def command(spec: Path | str, *options: str) -> list[str]:
    own = [program("ashd-wsgi"), "-A", "-p", str(HERE), "-m", str(spec)]
    return [*own, *options, "observed_app"]


@contextmanager
def serve(spec: Path, *options: str) -> Iterator[Handler]:
    with running(command(spec, *options)) as handler:
        wait_until(spec.exists)
        yield handler


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "debug.sock"


def read(perf: Any, name: str) -> Any:
    return perf.find(f"ashd.perf.{name}").readattr()


@pytest.mark.parametrize("model", MODELS)
def test_responses_are_counted_by_status(spec: Path, model: str) -> None:
    with serve(spec, "-t", model) as handler:
        for url in (b"/", b"/x", b"/fail"):
            handler.call(url)
        two_lengths = [(b"Content-Length", b"1"), (b"Content-Length", b"2")]
        handler.call(b"/", headers=two_lengths)
        with cli.perfclient(str(spec)) as perf:
            counted = {"200": 2, "500": 1, "400": 1}
            wait_until(lambda: read(perf, "statistics/req") == counted)
            server = read(perf, "server")
            assert server["model"] == model
            assert server["pid"] == handler.pid
            assert server["latency"]["count"] == 3
            assert server["latency"]["buckets"][-1] == [float("inf"), 3]


@pytest.mark.parametrize("model", MODELS)
def test_events_tell_of_start_and_finish(spec: Path, model: str) -> None:
    with serve(spec, "-t", model) as handler, cli.perfclient(str(spec)) as perf:
        events: list[Any] = []
        perf.find("ashd.perf.requests").subscribe(events.append)
        headers = [(b"Host", b"example.org"), (b"X-Ash-Address", b"192.0.2.1")]
        handler.call(b"/a/b?c=d", rest=b"b", headers=headers)

        def both() -> bool:
            perf.dispatch(0.1)
            return len(events) == 2

        wait_until(both)
        start, finish = events
        assert (start.method, start.uri, start.host) == ("GET", "/a/b?c=d", "example.org")
        assert (start.script_uri, start.pathinfo, start.querystring) == ("/a", "/b", "c=d")
        assert (start.remoteaddr, start.scheme) == ("192.0.2.1", "http")
        assert (finish.id, finish.status, finish.aborted) == (start.id, "200 OK", False)


def test_threads_show_the_request_they_hold(spec: Path) -> None:
    with serve(spec) as handler:
        waiting = handler.open(b"/wait")

        def held() -> list[str]:
            with cli.perfclient(str(spec)) as perf:
                threads = perf.find("pdm.perf.threads").readattr()
            return [each["request"]["url"] for each in threads if each["request"]]

        wait_until(lambda: held() == ["/wait"])
        handler.call(b"/open")
        assert read_all(waiting).startswith(b"HTTP/1.1 200")


def test_the_socket_is_private_and_goes_with_the_server(spec: Path) -> None:
    with serve(spec) as handler:
        handler.call()
        assert stat.S_IMODE(spec.stat().st_mode) == 0o600
    assert not spec.exists()


def test_workers_share_one_socket(spec: Path) -> None:
    with serve(spec, "-w", "2") as handler:
        wait_until(lambda: len(children(handler.pid)) == 2)
        for _ in range(20):
            handler.call()
        with cli.perfclient(str(spec)) as perf:
            wait_until(lambda: read(perf, "statistics/req") == {"200": 20})
            each = read(perf, "server")
            assert sum(worker["requests_total"].get("200", 0) for worker in each.values()) == 20
            assert {worker["pid"] for worker in each.values()} == set(children(handler.pid))


@pytest.mark.parametrize("bad", ["nonsense", "192.0.2.1:80", "/nonexistent/folder/socket"])
def test_a_bad_spec_is_one_clear_line(bad: str) -> None:
    with running(command(bad), status=1) as handler:
        handler.process.wait()
        assert handler.log.count("\n") == 1
        assert f"ashd-wsgi: -m {bad}: " in handler.log
