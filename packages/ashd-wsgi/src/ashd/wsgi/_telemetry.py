"""`--otel`: whether OpenTelemetry is there, how its SDK is set up, and that nothing of it is lost.

The observer is in `_otel`, which imports the API. All of this runs in the main thread, and in the
process that serves: workers are programs of their own, and each has an SDK of its own.
"""

from __future__ import annotations

import logging
import os
import threading
from importlib.metadata import entry_points
from importlib.util import find_spec

from ._adapter import Adapter
from ._errors import StartError
from ._observers import together

logger = logging.getLogger("ashd.wsgi")

_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
"""Variables that ask for the SDK to be set up."""

_CONFIGURATORS = "opentelemetry_configurator"
"""The group of entry points by which distributions of OpenTelemetry set the SDK up."""

_FLUSH_TIME = 5.0
"""Seconds that exporters may take at the end, as long as exit functions may."""


def check_installed() -> None:
    """Raise `StartError` if the API isn't there."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        raise StartError("--otel needs the API of OpenTelemetry: pip install 'ashd-wsgi[otel]'")


def set_up_sdk() -> None:
    """Set the SDK up by the variables OTEL_*, if these say so and nobody else has; `StartError`."""
    asked = [name for name in _EXPORTERS if os.environ.get(name, "none") not in ("", "none")]
    if not asked or is_set_up():
        return
    wanted = os.environ.get("OTEL_PYTHON_CONFIGURATOR")
    found = [each for each in entry_points(group=_CONFIGURATORS) if wanted in (None, each.name)]
    if not found:
        raise StartError(
            f"{asked[0]} is set, but what sets the SDK of OpenTelemetry up is not installed: "
            "pip install opentelemetry-distro opentelemetry-exporter-otlp"
        )
    try:
        found[0].load()().configure()
    except Exception as error:
        raise StartError(f"the SDK of OpenTelemetry can't be set up: {error}") from error


def is_set_up() -> bool:
    """Tell whether spans go anywhere."""
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def observe(adapter: Adapter) -> None:
    """Make spans and metrics of the requests that `adapter` serves."""
    from ._otel import OtelObserver, routed

    if not is_set_up():
        logger.warning(
            "--otel: no SDK of OpenTelemetry is set up, so spans are dropped: set "
            "OTEL_TRACES_EXPORTER, or set it up in the application"
        )
    adapter.application = routed(adapter.application)
    adapter.observer = together(adapter.observer, OtelObserver())


def current_trace_id() -> str:
    """Return the id of the calling thread's trace, in hexadecimal digits; "" if it has none."""
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else ""


def flush() -> None:
    """Have exporters send what they have: the process is about to end."""
    thread = threading.Thread(target=_flush, name="flush of telemetry", daemon=True)
    thread.start()
    thread.join(_FLUSH_TIME)
    if thread.is_alive():
        logger.warning("--otel: the last spans are lost, as their exporter takes too long")


def _flush() -> None:
    from opentelemetry import metrics, trace

    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        force_flush = getattr(provider, "force_flush", None)  # of the SDK; the API has none
        if force_flush is not None:
            force_flush()
