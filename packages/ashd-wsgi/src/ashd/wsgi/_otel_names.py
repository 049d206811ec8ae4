"""What OpenTelemetry's semantic conventions of HTTP call the properties of a request. No I/O.

https://opentelemetry.io/docs/specs/semconv/http/: the stable ones, and of those that aren't yet the
sizes of bodies. Times and sizes are in seconds and bytes.
"""

from __future__ import annotations

import os
from operator import attrgetter
from typing import Any

from ashd.proto import Request

from ._environ import host_name
from ._secrets import Secrets

Attributes = dict[str, str | int | float | list[str]]

SCHEMA = "https://opentelemetry.io/schemas/1.23.1"
"""The first version in which the conventions of HTTP are stable."""

QUEUE_TIME = "ashd.request.time_in_queue"
"""There is no convention for it."""

ROUTE = "http.route"
"""Also the key of an environ by which an application tells the route of a request."""

_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"
KNOWN_METHODS = frozenset(
    os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", _METHODS).split(",")
)
OTHER = "_OTHER"
"""In place of a method that isn't known: clients could invent any number of them."""

_PORTS = {"http": 80, "https": 443}

_HEADERS = (("user_agent.original", "HTTP_USER_AGENT"), ("client.address", "REMOTE_ADDR"))
_REQUEST_ID = "HTTP_X_ASH_REQUEST_ID"

_ROUTERS = (
    ("werkzeug.request", attrgetter("url_rule.rule")),  # Flask
    ("bottle.route", attrgetter("rule")),
)
"""Where frameworks keep the route, and how it is read."""

_SECRETS = Secrets()


def method_of(environ: dict[str, Any]) -> str:
    """Return the method, or `OTHER`."""
    method: str = environ["REQUEST_METHOD"]
    return method if method in KNOWN_METHODS else OTHER


def scheme_of(environ: dict[str, Any]) -> str:
    """Return `http` or `https`."""
    return str(environ.get("wsgi.url_scheme", "http"))


def span_name(method: str, route: str = "") -> str:
    """Return the name of a request's span."""
    name = "HTTP" if method == OTHER else method
    return f"{name} {route}" if route else name


def request_attributes(environ: dict[str, Any]) -> Attributes:
    """Return what is known when a request begins, which decides whether it is sampled."""
    scheme = scheme_of(environ)
    path, _, query = _text(environ.get("REQUEST_URI", "")).partition("?")
    found: Attributes = {
        "http.request.method": method_of(environ),
        "url.scheme": scheme,
        "url.path": _path(path),
        "network.protocol.version": version_of(environ),
    }
    if found["http.request.method"] == OTHER:
        found["http.request.method_original"] = environ["REQUEST_METHOD"]
    if query:
        found["url.query"] = _SECRETS.mask_query(query)
    for name, variable in _HEADERS:
        if variable in environ:
            found[name] = _text(environ[variable])
    host, port = _server(environ)
    if host:
        found["server.address"] = host
        found["server.port"] = int(port) if _is_port(port) else _PORTS.get(scheme, 80)
    if "CONTENT_LENGTH" in environ:
        found["http.request.body.size"] = int(environ["CONTENT_LENGTH"] or 0)
    if _REQUEST_ID in environ:
        found["http.request.header.x-ash-request-id"] = [environ[_REQUEST_ID]]
    return found


def _server(environ: dict[str, Any]) -> tuple[str, str]:
    """Return the host and the port, or "", that the client has asked."""
    authority: str = environ.get("HTTP_HOST", "")
    if not authority:
        return environ.get("SERVER_NAME", ""), environ.get("SERVER_PORT", "")
    host = host_name(authority)
    return host.strip("[]"), authority[len(host) + 1 :]


def version_of(environ: dict[str, Any]) -> str:
    """Return the version of HTTP, as `1.1`."""
    return str(environ.get("SERVER_PROTOCOL", "")).removeprefix("HTTP/")


def route_of(environ: dict[str, Any]) -> str:
    """Return the route of a request; "" if nobody tells."""
    route = environ.get(ROUTE)
    if isinstance(route, str):
        return route
    for key, rule_of in _ROUTERS:
        if key in environ:
            try:
                return f"{environ.get('SCRIPT_NAME', '')}{rule_of(environ[key])}"
            except AttributeError:  # no route matches, or the key is used for something else
                return ""
    return ""


def minimal_environ(request: Request) -> dict[str, Any]:
    """Return an environ of a request that the application isn't called for."""
    return {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "REQUEST_URI": request.url.decode("latin-1"),
        "SERVER_PROTOCOL": request.version.decode("latin-1"),
    }


def error_type(error: BaseException) -> str:
    """Return the name of an exception's class, by the module that users know it by."""
    kind = type(error)
    module = "ashd.wsgi" if kind.__module__.startswith("ashd.wsgi.") else kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _path(path: str) -> str:
    """Return the path of a target, which may have the absolute form (RFC 9112, 3.2.2)."""
    if "://" in path and not path.startswith("/"):
        return "/" + path.partition("://")[2].partition("/")[2]
    return path


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5


def _text(value: Any) -> str:
    """Return text whose bytes came as latin-1 as UTF-8, which is what clients send."""
    text = str(value)
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
