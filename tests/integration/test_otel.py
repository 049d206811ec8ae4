"""`ashd-wsgi --otel` with the real SDK, which exports over OTLP/HTTP."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ashd.pdm import cli
from ashdtest.handlers import running
from ashdtest.otlp import attributes, receiving
from ashdtest.processes import DEADLINE, free_port, program, python_environment, wait_until
from ashdtest.wsgiprograms import wait_for_log, wsgi

APPS = Path(__file__).with_name("apps")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = [(b"Host", b"example.org"), (b"Traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())]


@pytest.mark.parametrize("model", ["free", "single", "rplex", "pool -w 1"])
def test_spans_and_metrics_arrive_by_the_end_of_the_program(model: str) -> None:
    with receiving() as collector:
        env = {**os.environ, **collector.variables}
        with wsgi("traced_app", "--otel", "-t", *model.split(), apps=APPS, env=env) as handler:
            assert handler.call(b"/users/7", headers=HEADERS).body == b"user 7"
            assert handler.call(b"/stream", headers=HEADERS).body == b"..."
            assert handler.call(b"/nowhere", headers=HEADERS).status == 404
            assert f"user 7 [{TRACE}]" in handler.log
            if "-w" in model:
                os.kill(handler.pid, signal.SIGTERM)
    spans = {span.name: span for span in collector.spans}
    outer = [spans["GET /users/<int:number>"], spans["GET /stream"], spans["GET"]]
    assert len(collector.spans) == 7
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert spans["look up"].parent_span_id == outer[0].span_id
    assert {spans[f"piece {number}"].parent_span_id for number in range(3)} == {outer[1].span_id}
    assert attributes(outer[0])["http.route"] == "/users/<int:number>"
    assert attributes(outer[2])["http.response.status_code"] == 404
    durations = [each for each in collector.metrics if each.name == "http.server.request.duration"]
    points = [attributes(point) for each in durations for point in each.histogram.data_points]
    assert {(point.get("http.route"), point["http.response.status_code"]) for point in points} == {
        ("/users/<int:number>", 200), ("/stream", 200), (None, 404)
    }  # fmt: skip


def test_a_collector_that_is_away_holds_no_end() -> None:
    env = {
        **os.environ,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    with wsgi("traced_app", "--otel", apps=APPS, env=env) as handler:
        assert handler.call(b"/users/7").status == 200


def test_without_an_sdk_it_says_so_and_serves(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    others = ["--server-timing", "-m", str(tmp_path / "debug"), "--access-log", str(log)]
    with wsgi("traced_app", "--otel", *others, apps=APPS) as handler:
        response = handler.call(b"/users/7")
        assert (response.status, response.body) == (200, b"user 7")
        timing = response.get(b"Server-Timing")
        assert timing is not None
        assert timing.startswith(b"queue;dur=")
        wait_for_log(handler, "no SDK of OpenTelemetry is set up")
        with cli.perfclient(str(tmp_path / "debug")) as perf:
            counted = perf.find("ashd.perf.statistics/req")
            wait_until(lambda: counted.readattr() == {"200": 1})
    assert '"GET /users/7 HTTP/1.1" 200 6 ' in log.read_text(encoding="utf-8")


def test_what_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    hidden = "import sys\nsys.modules['opentelemetry.trace'] = None\n"
    env = python_environment(tmp_path, hidden)
    with wsgi("traced_app", "--otel", apps=APPS, env=env, status=1) as handler:
        assert handler.process.wait(DEADLINE) == 1
    assert handler.log.count("\n") == 1
    assert "pip install 'ashd-wsgi[otel]'" in handler.log
    env = {**os.environ, "OTEL_TRACES_EXPORTER": "nonsense"}
    with wsgi("traced_app", "--otel", apps=APPS, env=env, status=1) as handler:
        assert handler.process.wait(DEADLINE) == 1
    assert "ashd-wsgi: the SDK of OpenTelemetry can't be set up: " in handler.log


def test_the_usual_command_sets_it_up() -> None:
    with receiving() as collector:
        env = {**os.environ, **collector.variables}
        own = [program("ashd-wsgi"), "--otel", "-p", str(APPS), "-A", "traced_app"]
        with running([program("opentelemetry-instrument"), *own], env=env) as handler:
            assert handler.call(b"/users/7").status == 200
    assert "look up" in {span.name for span in collector.spans}
