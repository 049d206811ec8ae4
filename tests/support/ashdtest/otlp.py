"""A receiver of telemetry over OTLP/HTTP, as collectors of OpenTelemetry are.

with receiving() as collector:
    run(env={**os.environ, **collector.variables})
    span = collector.spans[0]
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """What was received. Any thread may use it."""

    def __init__(self, port: int) -> None:
        self.spans: list[Any] = []
        self.metrics: list[Any] = []
        self.variables = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        }
        """Tell an SDK to send here."""

    def take(self, path: str, body: bytes) -> None:
        """Take what was sent to one of the paths that OTLP has."""
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            scopes = [each for found in traces.resource_spans for each in found.scope_spans]
            self.spans += [span for scope in scopes for span in scope.spans]
        elif path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(body)
            found = [each for part in metrics.resource_metrics for each in part.scope_metrics]
            self.metrics += [metric for scope in found for metric in scope.metrics]


def attributes(thing: Any) -> dict[str, Any]:
    """Return the attributes of a span or a data point."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in thing.attributes
    }


@contextmanager
def receiving() -> Iterator[Collector]:
    """Receive on a port of this machine for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever, name="collector", daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
