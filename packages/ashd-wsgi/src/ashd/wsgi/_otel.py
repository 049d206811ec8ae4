"""Spans and metrics of requests, by the API of OpenTelemetry (extra `otel`).

The methods of the observer are called in the threads that serve. A span is current in the context
variables of its request, which last until the response is over: while the application runs, and
while its iterable does, in whatever thread. Nothing that an SDK raises hurts a request.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind, Status, StatusCode

from . import _otel_names as names
from ._errors import ClientGoneError, CutBodyError
from ._queue_time import queue_time
from ._version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._adapter import Application, Served

logger = logging.getLogger("ashd.wsgi")

_SCOPE = "ashd.wsgi"

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds; the conventions ask for these."""

_CLIENT_GONE = "client_gone"

Environ = dict[str, Any]


class _EnvironGetter(Getter[Environ]):
    """Finds headers like `traceparent` in an environ."""

    def get(self, carrier: Environ, key: str) -> list[str] | None:
        value = carrier.get("HTTP_" + key.upper().replace("-", "_"))
        return None if value is None else [str(value)]

    def keys(self, carrier: Environ) -> list[str]:
        found = (key.removeprefix("HTTP_") for key in carrier if key.startswith("HTTP_"))
        return [key.lower().replace("_", "-") for key in found]


getter = _EnvironGetter()


class _Token:
    """What is known of a request while it is served."""

    __slots__ = ("began", "dimensions", "environ", "failure", "known_size", "name", "span")

    def __init__(self, environ: Environ, span: trace.Span, name: str, known_size: bool) -> None:
        self.environ = environ
        self.span = span
        self.name = name
        self.known_size = known_size
        self.dimensions: names.Attributes = {
            "http.request.method": names.method_of(environ),
            "url.scheme": names.scheme_of(environ),
        }
        self.failure: BaseException | None = None
        self.began = time.perf_counter()


def routed(application: Application) -> Application:
    """Return an application that notes its route when it starts its response.

    Flask takes it out of the environ again as soon as the application returns.
    """

    def noting(environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(*arguments: Any, **named: Any) -> Any:
            environ[names.ROUTE] = names.route_of(environ)
            return start_response(*arguments, **named)

        return application(environ, start)

    return noting


class OtelObserver:
    """Makes a span of each request, and counts it."""

    def __init__(
        self,
        tracers: trace.TracerProvider | None = None,
        meters: metrics.MeterProvider | None = None,
    ) -> None:
        """Use these providers, or those that are set for the process, or will be."""
        self._tracer = trace.get_tracer(_SCOPE, VERSION, tracers, names.SCHEMA)
        meter = metrics.get_meter(_SCOPE, VERSION, meters, names.SCHEMA)
        self._duration = meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._waited = meter.create_histogram(
            names.QUEUE_TIME,
            "s",
            "Time from the front end's sending of a request to the call of the application.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )
        self._active = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "Number of active HTTP server requests."
        )

    def for_thread(self) -> OtelObserver:
        """See `Observer`."""
        return self

    def started(self, environ: Environ, served: Served) -> _Token | None:
        """See `Observer`."""
        try:
            return self._start(environ, served)
        except Exception:
            logger.exception("OpenTelemetry fails: this request has no span")
            return None

    def _start(self, environ: Environ, served: Served) -> _Token:
        attributes = names.request_attributes(environ)
        waited = queue_time(served.request)
        if waited is not None:
            attributes[names.QUEUE_TIME] = waited
        name = names.span_name(str(attributes["http.request.method"]))
        span = self._tracer.start_span(
            name, propagate.extract(environ, getter=getter), SpanKind.SERVER, attributes
        )
        context.attach(trace.set_span_in_context(span))  # nothing of this context outlives us
        token = _Token(environ, span, name, "http.request.body.size" in attributes)
        self._active.add(1, token.dimensions)
        if waited is not None:
            self._waited.record(waited, token.dimensions)
        return token

    def failed(self, token: _Token | None, error: BaseException) -> None:
        """See `Observer`."""
        if token is not None and token.failure is None:
            token.failure = error

    def finished(self, token: _Token | None, served: Served, _aborted: bool) -> None:
        """See `Observer`."""
        try:
            if token is None:
                token = self._start(names.minimal_environ(served.request), served)
            self._finish(token, served)
        except Exception:
            logger.exception("OpenTelemetry fails: a request is missing")

    def _finish(self, token: _Token, served: Served) -> None:
        self._active.add(-1, token.dimensions)
        span, environ, response = token.span, token.environ, served.response
        found = names.Attributes()
        route = names.route_of(environ)
        if route:
            found[names.ROUTE] = route
            if getattr(span, "name", token.name) == token.name:  # the application gave no other
                span.update_name(
                    names.span_name(str(token.dimensions["http.request.method"]), route)
                )
        status = response.status[:3].decode("ascii")
        if status:
            found["http.response.status_code"] = int(status)
        error = _note_failure(token, status)
        if error:
            found["error.type"] = error
        dimensions = {
            **token.dimensions, "network.protocol.version": names.version_of(environ), **found
        }  # fmt: skip
        found["http.response.body.size"] = response.bytes_sent()
        if served.received and not token.known_size:
            found["http.request.body.size"] = served.received
        span.set_attributes(found)
        if status != "101":  # how long a stream lasts says nothing about the server
            self._duration.record(time.perf_counter() - token.began, dimensions)
        span.end()


def _note_failure(token: _Token, status: str) -> str:
    """Note in the span what went wrong; return the type of the error, or ""."""
    failure, token.failure = token.failure, None  # which refers to the exchange
    if isinstance(failure, ClientGoneError | CutBodyError):
        return _CLIENT_GONE
    if failure is not None:
        token.span.record_exception(failure)
        token.span.set_status(Status(StatusCode.ERROR, f"{type(failure).__name__}: {failure}"))
        return names.error_type(failure)
    if not status.startswith("5"):
        return ""
    token.span.set_status(Status(StatusCode.ERROR))
    return status
