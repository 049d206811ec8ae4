"""Spans and metrics of requests, by the real SDK in memory: `--otel`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ashd.wsgi._otel import OtelObserver, getter
from ashdtest.cases import about
from ashdtest.exchanges import Server, WsgiApplication, served
from ashdtest.handlers import read_all
from ashdtest.processes import wait_until


class Telemetry:
    """An SDK that keeps what it gets."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(processor or SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.observer = OtelObserver(self.tracers, self.meters)

    def spans(self, count: int) -> list[ReadableSpan]:
        """Return the spans, of which there must be so many, and forget them."""
        wait_until(lambda: len(self._exporter.get_finished_spans()) >= count)
        spans = list(self._exporter.get_finished_spans())
        self._exporter.clear()
        assert len(spans) == count
        return spans

    def points(self) -> dict[str, list[Any]]:
        """Return the data points of metrics, by the names of these."""
        data: Any = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {each.name: each.data.data_points for scope in scopes for each in scope.metrics}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


Run = Callable[[WsgiApplication], AbstractContextManager[Server]]


@pytest.fixture
def run(way: str, telemetry: Telemetry) -> Run:
    return partial(served, way=way, observer=telemetry.observer)


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [b"hello"]


def test_a_span_tells_of_a_request_what_the_conventions_ask_for(
    run: Run, telemetry: Telemetry
) -> None:
    parent, trace_id = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = [
        (b"Host", b"example.org:8443"),
        (b"User-Agent", "Käse/1".encode()),
        (b"X-Ash-Address", b"192.0.2.1"),
        (b"X-Ash-Protocol", b"https"),
        (b"X-Ash-Server-Port", b"443"),
        (b"X-Ash-Request-ID", b"abc"),
        (b"Content-Type", b"text/plain"),
        (b"Traceparent", f"00-{trace_id}-{parent}-01".encode()),
        (b"Tracestate", b"vendor=opaque"),
    ]
    with run(hello) as server:
        server.call(b"/a%20b?c=d&token=e", method=b"POST", headers=headers, body=b"four")
    (span,) = telemetry.spans(1)
    attributes = dict(span.attributes or {})
    waited: Any = attributes.pop("ashd.request.time_in_queue")
    assert 0 <= waited < 60
    assert attributes == {
        "http.request.method": "POST",
        "url.scheme": "https",
        "url.path": "/a%20b",
        "url.query": "c=d&token=REDACTED",
        "network.protocol.version": "1.1",
        "user_agent.original": "Käse/1",
        "client.address": "192.0.2.1",
        "server.address": "example.org",
        "server.port": 8443,
        "http.request.body.size": 4,
        "http.request.header.x-ash-request-id": ("abc",),
        "http.response.status_code": 200,
        "http.response.body.size": 5,
    }
    assert (span.name, span.kind) == ("POST", SpanKind.SERVER)
    assert span.status.status_code is StatusCode.UNSET
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x} {span.parent.span_id:016x}" == f"{trace_id} {parent}"
    assert span.parent.trace_state.get("vendor") == "opaque"


def test_odd_requests_have_spans_too(run: Run, telemetry: Telemetry) -> None:
    cases: list[tuple[str, bytes, bytes, list[tuple[bytes, bytes]], dict[str, Any]]] = [
        ("no host", b"GET", b"/",
         [(b"X-Ash-Server-Address", b"::1"), (b"X-Ash-Server-Port", b"81")],
         {"server.address": "::1", "server.port": 81}),
        ("IPv6", b"GET", b"/", [(b"Host", b"[2001:db8::1]:80")],
         {"server.address": "2001:db8::1", "server.port": 80}),
        ("a bad port", b"GET", b"/", [(b"Host", b"example.org:x")], {"server.port": 80}),
        ("another method", b"BREW", b"/pot", [],
         {"http.request.method": "_OTHER", "http.request.method_original": "BREW"}),
        ("absolute form", b"GET", b"http://example.org/a?b", [],
         {"url.path": "/a", "url.query": "b"}),
        ("a broken escape", b"GET", b"/%", [(b"Host", b"example.org")], {"url.path": "/%"}),
    ]  # fmt: skip
    with run(hello) as server:
        for name, method, url, headers, expected in cases:
            with about(name):
                server.call(url, method=method, headers=headers)
                (span,) = telemetry.spans(1)
                assert span.attributes is not None
                assert {key: span.attributes.get(key) for key in expected} == expected
                assert span.name == ("HTTP" if method == b"BREW" else "GET")


def test_the_span_is_current_while_the_application_and_its_iterable_run(
    run: Run, telemetry: Telemetry
) -> None:
    tracer = telemetry.tracers.get_tracer("application")

    def application(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])

        def pieces() -> Iterator[bytes]:
            for number in range(40):  # more than go out in a turn
                with tracer.start_as_current_span(f"piece {number}"):
                    yield b"."

        with tracer.start_as_current_span("call"):
            return pieces()

    with run(application) as server:
        for _ in range(2):
            assert len(server.call().body) == 40
            *inner, outer = telemetry.spans(42)
            assert outer.context is not None
            assert {span.parent and span.parent.span_id for span in inner} == {
                outer.context.span_id
            }
    assert not trace.get_current_span().get_span_context().is_valid


def failing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Fail as the path says."""
    path = environ["PATH_INFO"]
    if path == "/at-once":
        raise ValueError("as asked")
    start_response("503 Busy" if path == "/busy" else "200 OK", [("Content-Length", "9")])
    if path == "/in-the-middle":
        return broken()
    return [b"123456789"]


def broken() -> Iterator[bytes]:
    yield b"1234"
    raise KeyError("as asked")


def test_failures_are_in_the_span(run: Run, telemetry: Telemetry) -> None:
    two_lengths = [(b"Content-Length", b"1"), (b"Content-Length", b"2")]
    cases: list[tuple[bytes, list[tuple[bytes, bytes]], int, Any, StatusCode, list[str]]] = [
        (b"/at-once", [], 500, "ValueError", StatusCode.ERROR, ["exception"]),
        (b"/in-the-middle", [], 200, "KeyError", StatusCode.ERROR, ["exception"]),
        (b"/busy", [], 503, "503", StatusCode.ERROR, []),
        (b"/good", [], 200, None, StatusCode.UNSET, []),
        (b"/refused", two_lengths, 400, None, StatusCode.UNSET, []),
    ]
    with run(failing) as server:
        for url, headers, status, error, code, events in cases:
            with about(url.decode()):
                server.call(url, headers=headers)
                (span,) = telemetry.spans(1)
                assert span.attributes is not None
                assert span.attributes["http.response.status_code"] == status
                assert span.attributes["url.path"] == url.decode()
                assert span.attributes.get("error.type") == error
                assert span.status.status_code is code
                assert [event.name for event in span.events] == events


@dataclass
class Endless:
    """An application that sends until its client is gone."""

    environs: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        self.environs.append(environ)
        start_response("200 OK", [])
        while True:
            yield b"." * 100_000


def test_a_span_ends_when_the_client_is_gone(run: Run, telemetry: Telemetry) -> None:
    with run(Endless()) as server:
        client = server.open()
        assert client.recv(100, socket.MSG_WAITALL)
        assert not telemetry.spans(0)
        client.close()
        (span,) = telemetry.spans(1)
    assert span.attributes is not None
    assert span.attributes["error.type"] == "client_gone"
    assert span.status.status_code is StatusCode.UNSET, "the application did nothing wrong"


def test_a_body_of_unknown_length_is_counted(run: Run, telemetry: Telemetry) -> None:
    chunked = [(b"Transfer-Encoding", b"chunked"), (b"Content-Type", b"text/plain")]
    with run(hello) as server, server.open(method=b"POST", headers=chunked) as client:
        client.sendall(b"twelve bytes")
        client.shutdown(socket.SHUT_WR)
        (span,) = telemetry.spans(1)
    assert span.attributes is not None
    assert span.attributes["http.request.body.size"] == 12


def test_without_time_stamps_there_is_no_queue_time(way: str, telemetry: Telemetry) -> None:
    with served(hello, way, observer=telemetry.observer.for_thread(), timestamps=False) as server:
        server.call()
        (span,) = telemetry.spans(1)
    assert "ashd.request.time_in_queue" not in (span.attributes or {})
    assert "ashd.request.time_in_queue" not in telemetry.points()


def test_propagators_find_every_header() -> None:
    environ = {"HTTP_X_B3_TRACEID": "1", "HTTP_HOST": "a", "REMOTE_ADDR": "b"}
    assert getter.keys(environ) == ["x-b3-traceid", "host"]
    assert [getter.get(environ, key) for key in ("X-B3-TraceId", "other")] == [["1"], None]


def routed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path != "/unknown":
        environ["http.route"] = "/users/{id}"
    if path == "/named":
        trace.get_current_span().update_name("my own")
    if path == "/forged":
        environ["http.route"] = 1
        environ["werkzeug.request"] = 2
    return hello(environ, start_response)


def test_the_application_may_tell_its_route(run: Run, telemetry: Telemetry) -> None:
    with run(routed) as server:
        for url, name, route in (
            (b"/users/7", "GET /users/{id}", "/users/{id}"),
            (b"/named", "my own", "/users/{id}"),
            (b"/unknown", "GET", None),
            (b"/forged", "GET", None),
        ):
            server.call(url)
            (span,) = telemetry.spans(1)
            assert span.attributes is not None
            assert (span.name, span.attributes.get("http.route")) == (name, route)


def test_metrics_count_requests_and_their_times(run: Run, telemetry: Telemetry) -> None:
    with run(failing) as server:
        waiting = server.open(b"/good")
        read_all(waiting)
        server.call(b"/busy")
        telemetry.spans(2)
    points = telemetry.points()
    by_status = {
        point.attributes["http.response.status_code"]: point
        for point in points["http.server.request.duration"]
    }
    assert dict(by_status[503].attributes) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 503,
        "error.type": "503",
    }
    assert by_status[200].count == 1
    assert by_status[200].explicit_bounds[:3] == (0.005, 0.01, 0.025)
    assert [point.value for point in points["http.server.active_requests"]] == [0]
    assert [point.count for point in points["ashd.request.time_in_queue"]] == [2]


UPGRADE = [(b"Connection", b"upgrade"), (b"Upgrade", b"echo")]


def switching(environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    with environ["ashd.switch"]([("Upgrade", "echo")]) as stream:
        stream.sendall(b"hello")
    return []


def test_a_stream_has_a_span_and_no_duration(run: Run, telemetry: Telemetry) -> None:
    with run(switching) as server, server.open(headers=UPGRADE) as client:
        message, ancillary, _, _ = client.recvmsg(1000, socket.CMSG_SPACE(4))
        assert message.startswith(b"HTTP/1.1 101 ")
        with socket.socket(fileno=int.from_bytes(ancillary[0][2], sys.byteorder)) as stream:
            assert stream.recv(5, socket.MSG_WAITALL) == b"hello"
        (span,) = telemetry.spans(1)
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 101
    assert "error.type" not in span.attributes
    assert "http.server.request.duration" not in telemetry.points()


class Broken(SpanProcessor):
    """Raises whenever it can."""

    def on_start(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("on_start")

    def on_end(self, *_: Any) -> None:
        raise RuntimeError("on_end")


def test_what_an_sdk_raises_hurts_no_request(way: str, caplog: pytest.LogCaptureFixture) -> None:
    with served(hello, way, observer=Telemetry(Broken()).observer) as server:
        for _ in range(2):
            assert server.call().body == b"hello"
    assert "this request has no span" in caplog.text
