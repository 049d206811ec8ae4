"""The options of `ashd-wsgi` and `scgi-wsgi`: what they are called, take and set."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ._values import access_log_format, count, count_and_jitter, log_format, seconds, workers


class Option(NamedTuple):
    """An option: its letter (or ""), its name, the attribute it sets, and what its value is."""

    letter: str
    name: str
    attribute: str
    metavar: str = ""
    convert: Callable[[str], object] = str
    help: str = ""

    @property
    def key(self) -> str:
        """Its name where options have one word as their name, as in files."""
        return self.name or self.letter


OPTIONS = (
    Option("h", "help", "help", help="print this text"),
    Option("", "version", "version", help="print the version"),
    Option(
        "A",
        "application",
        "find_application",
        help="use the object `application` of the module, as mod_wsgi does, instead of calling "
        "its wmain(ARGS...)",
    ),
    Option("L", "leave-logging", "leave_logging", help="leave Python's logging alone"),
    Option(
        "b",
        "bind",
        "bind",
        "ADDRESS",
        help="serve HTTP at ADDRESS, with a front end that this command becomes (repeatable): "
        "HOST:PORT, :PORT, [IPV6]:PORT, unix:PATH[,mode=660,group=GROUP], fd://NUMBER, or a "
        "PORTSPEC of ashd-htparser",
    ),
    Option(
        "",
        "front-end",
        "front_end",
        "OPTIONS",
        help="options of that front end, in one word: '--processes 2 --access-log -'",
    ),
    Option(
        "",
        "log-format",
        "log_format",
        "text|json",
        log_format,
        "lines of the log, on standard error or in syslog (default: text)",
    ),
    Option(
        "",
        "access-log",
        "access_log",
        "FILE",
        help="log each request to FILE (-: standard output), which SIGUSR1 opens anew",
    ),
    Option(
        "",
        "access-log-format",
        "access_log_format",
        "FORMAT",
        access_log_format,
        "combined, common, json, json:FIELD,... or text with fields like {client} {status} "
        "(default: combined)",
    ),
    Option(
        "",
        "request-id",
        "request_id",
        help="give each request an id that the front end hasn't given one (X-Ash-Request-ID)",
    ),
    Option(
        "",
        "early-hints",
        "early_hints",
        help="let the application send hints before its response (103); no nginx before 1.29 in "
        "front",
    ),
    Option(
        "",
        "otel",
        "otel",
        help="make spans and metrics of requests by OpenTelemetry, as the variables OTEL_* say",
    ),
    Option(
        "",
        "server-timing",
        "server_timing",
        help="tell browsers how long a request has waited and run (Server-Timing: queue, app)",
    ),
    Option(
        "p",
        "path",
        "path",
        "MODPATH",
        help="look for modules in MODPATH first (repeatable: the last one comes first)",
    ),
    Option(
        "t",
        "model",
        "model",
        "MODEL",
        help="free[:max=N[,timeout=SECONDS]], pool[:max=N][,timeout=SECONDS], rplex[:max=N], or "
        "single. At most N requests run at the same time (pool: 25); a request that waits longer "
        "than SECONDS for a thread ends the program with abort(3). timeout is called abort, too",
    ),
    Option("m", "pdm", "pdm", "PDM-SPEC", help="open a debug socket: PATH[:MODE[:GROUP]]"),
    Option(
        "w",
        "workers",
        "workers",
        "N|auto",
        workers,
        "serve with N processes, or one for each processor (SIGHUP renews them)",
    ),
    Option(
        "",
        "request-timeout",
        "request_timeout",
        "SECONDS",
        seconds,
        "end requests that take longer, with 504 if nothing was sent yet",
    ),
    Option(
        "",
        "queue-timeout",
        "queue_timeout",
        "SECONDS",
        seconds,
        "answer requests with 503 at once that have waited longer before they were received",
    ),
    Option(
        "",
        "max-requests",
        "max_requests",
        "N[,JITTER]",
        count_and_jitter,
        "replace a worker after N requests, and up to JITTER more",
    ),
    Option("", "max-rss", "max_rss", "MIB", count, "replace a worker that uses more memory"),
    Option(
        "",
        "body-buffer",
        "body_buffer",
        "MIB",
        count,
        "set up to so much of a request's body aside while its response is written (default: 64)",
    ),
    Option(
        "",
        "content-length",
        "content_length",
        help="receive bodies without a length before the application is called, and tell it",
    ),
    Option(
        "",
        "graceful-timeout",
        "graceful_timeout",
        "SECONDS",
        seconds,
        "how long running requests may take when the program stops (default: 30)",
    ),
    Option(
        "",
        "reload",
        "reload",
        help="for development: load the application again when a file of it changes",
    ),
    Option("", "config", "config", "FILE", help="read options from a TOML file, by their names"),
    Option(
        "",
        "check-config",
        "check_config",
        help="load the application, say what would be served, and exit",
    ),
    Option("l", "", "limit", "N", help="has no effect; for old configurations"),
    Option("T", "", "bind", "[HOST:]PORT", help="scgi-wsgi: take SCGI requests there, as --bind"),
)

SCGI_ONLY = "T"
HTTP_ONLY = ("early-hints", "front-end")

_SCGI_BIND = (
    "take SCGI requests at ADDRESS (repeatable): HOST:PORT, :PORT, [IPV6]:PORT, "
    "unix:PATH[,mode=660,group=GROUP], or fd://NUMBER"
)


def options_of(*, scgi: bool) -> list[Option]:
    """Return the options that a program has: `ashd-wsgi`, or with `scgi` `scgi-wsgi`."""
    if not scgi:
        return [option for option in OPTIONS if option.key != SCGI_ONLY]
    return [
        option._replace(help=_SCGI_BIND) if option.key == "bind" else option
        for option in OPTIONS
        if option.key not in HTTP_ONLY
    ]
