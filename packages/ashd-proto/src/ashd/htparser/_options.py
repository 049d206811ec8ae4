"""The command line: what can be set, and how it is checked."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from . import _response
from ._errors import UsageError
from ._forwarded import LOCAL_TEXT, Trusted
from ._limits import Limits
from ._log_options import LogSettings, add_log_options, log_settings
from ._portspec import PORT_HANDLERS, HelpRequested, Port, check_ports, parse_portspec
from ._response import SERVER_NAME

_HEALTH_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
PROGRAM = "ashd-htparser"

_EPILOG = """\
PORTSPEC is HANDLER[:PAR[=VAL][,PAR[=VAL]]...], for example plain:port=8080; plain:help lists the
parameters. ROOT-HANDLER is a persistent ashd handler, looked up on PATH.

example: ashd-htparser plain:port=8080 -- ashd-wsgi -p . mymodule"""


N = TypeVar("N", int, float)


def _taking(what: str) -> Callable[[Callable[[str], N]], Callable[[str], N]]:
    """Have the ValueError of a function say what it takes."""

    def explained(convert: Callable[[str], N]) -> Callable[[str], N]:
        def explaining(text: str) -> N:
            try:
                return convert(text)
            except ValueError:
                raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None

        return explaining

    return explained


@_taking("a number of seconds above 0")
def _seconds(text: str) -> float:
    value = float(text)
    if not (0 < value < math.inf):
        raise ValueError
    return value


@_taking("a number of seconds")
def _seconds_or_none(text: str) -> float:
    return 0.0 if float(text) == 0 else _seconds(text)


def _health_path(text: str) -> str:
    if not _HEALTH_PATH.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path such as /healthz")
    return text


@_taking("a number of seconds")
def _seconds_or_ever(text: str) -> float:
    return math.inf if float(text) == 0 else _seconds(text)


@_taking("a whole number above 0")
def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


@_taking("a whole number from 0 on")
def _size(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


class _LimitOption(NamedTuple):
    option: str
    field: str
    parse: Callable[[str], float]
    metavar: str
    help: str


_LIMIT_OPTIONS = (
    _LimitOption("--head-time", "head_time", _seconds, "SECONDS", "to read a request head"),
    _LimitOption("--idle-time", "idle_time", _seconds, "SECONDS", "between two requests"),
    _LimitOption("--body-time", "body_time", _seconds, "SECONDS", "between two bytes of a body"),
    _LimitOption("--body-rate", "body_rate", _size, "BYTES", "least per second of a body; 0: any"),
    _LimitOption(
        *("--stream-idle-time", "stream_idle_time", _seconds_or_ever, "SECONDS"),
        "between two bytes of a stream (WebSocket); 0: any time",
    ),
    _LimitOption("--queue-time", "queue_time", _seconds, "SECONDS", "until the handler takes it"),
    _LimitOption(
        *("--drain", "drain_time", _seconds_or_none, "SECONDS"),
        "to go on serving after SIGTERM, while health checks say that it isn't ready",
    ),
    _LimitOption("--stop-time", "stop_time", _seconds, "SECONDS", "to finish after SIGTERM"),
    _LimitOption("--connections", "connections", _count, "NUMBER", "clients at the same time"),
    _LimitOption(
        *("--connections-per-address", "connections_per_address", _size, "NUMBER"),
        "clients of one address; 0: any number",
    ),
    _LimitOption(
        *("--buffer-body", "buffer_body", _size, "BYTES"),
        "hold bodies up to this size until they are whole; 0: none",
    ),
    _LimitOption("--head-size", "head_size", _count, "BYTES", "size of a request head"),
    _LimitOption("--target-size", "target_size", _count, "BYTES", "size of a request target"),
    _LimitOption(
        "--body-size", "body_size", _size, "BYTES", "size of a request body; 0 lifts the limit"
    ),
)

_FLAGS = (
    ("-f", "--daemon", "run in the background; returns when clients are served"),
    ("-S", "--syslog", "log to syslog (facility daemon), and tell the root handler to do so"),
)
_PLACES = (
    ("-u", "--user", "USER[:GROUP]", "serve clients as this user; the root handler isn't changed"),
    ("-r", "--root", "DIRECTORY", "serve clients from within this directory (chroot)"),
    ("-p", "--pid-file", "FILE", "file for the number of the process"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override] # it always raises
        raise UsageError(f"{message} (try {PROGRAM} --help)")


def _parser() -> _Parser:
    parser = _Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [options] PORTSPEC... -- ROOT-HANDLER [ARGS...]",
        description="Speak HTTP with clients, and ashd with a root handler.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("ports", nargs="*", metavar="PORTSPEC", help="what to listen on")
    defaults = Limits()
    for option in _LIMIT_OPTIONS:
        default = getattr(defaults, option.field)
        parser.add_argument(
            option.option,
            dest=option.field,
            type=option.parse,
            default=default,
            metavar=option.metavar,
            help=f"{option.help} (default {default})",
        )
    parser.add_argument(
        "--lenient-targets",
        action="store_true",
        help='pass request targets on with bytes that must be escaped, such as "|" (old clients)',
    )
    parser.add_argument(
        "--forwarded-allow-ips",
        default=LOCAL_TEXT,
        metavar="LIST",
        help="proxies whose X-Forwarded-* counts: addresses, networks, unix or *, with commas"
        f" (default {LOCAL_TEXT})",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--respawn",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start the root handler again when it dies, or finish and exit (default: start it)",
    )
    parser.add_argument(
        "--processes",
        type=_count,
        default=1,
        metavar="NUMBER",
        help="front ends that share the ports and the root handler (default 1)",
    )
    parser.add_argument(
        "--health",
        type=_health_path,
        metavar="PATH",
        help="answer health checks: PATH and PATH/ready say whether clients are served, PATH/live"
        " whether the front end works",
    )
    add_log_options(parser)
    for short, long, help_ in _FLAGS:
        parser.add_argument(short, long, action="store_true", help=help_)
    for short, long, metavar, help_ in _PLACES:
        parser.add_argument(short, long, metavar=metavar, default="", help=help_)
    return parser


_GIVEN = ("respawn", "processes", "health", "daemon", "syslog", "user", "root", "pid_file")


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The command line."""

    ports: list[Port]
    limits: Limits
    command: list[str]
    respawn: bool
    processes: int
    health: str | None
    logs: LogSettings
    daemon: bool
    syslog: bool
    user: str
    root: str
    pid_file: str

    @property
    def workers(self) -> int:
        """How many processes serve besides the first one; 0: that does it itself.

        One that gives privileges up couldn't start the root handler again.
        """
        return self.processes if self.processes > 1 or self.user or self.root else 0

    def without_drain(self) -> Settings:
        """Return the same, but to stop at once."""
        return dataclasses.replace(self, limits=dataclasses.replace(self.limits, drain_time=0.0))

    @property
    def limits_of_one(self) -> Limits:
        """What one of the processes gets of the limits that they share."""
        connections = -(-self.limits.connections // self.processes)
        return dataclasses.replace(self.limits, connections=connections)


def parse_options(arguments: list[str]) -> Settings:
    """Take the command line apart; raises `UsageError`, or `HelpRequested`."""
    if "--" in arguments:
        end = arguments.index("--")
        arguments, command = arguments[:end], arguments[end + 1 :]
    else:
        command = []
        _check_separator(arguments)
    options = _parser().parse_intermixed_args(arguments)
    if options.version:
        raise HelpRequested(f"{SERVER_NAME} ({_build()})")
    try:
        proxies = Trusted(options.forwarded_allow_ips)
    except UsageError as error:
        raise UsageError(f"--forwarded-allow-ips: {error}") from None
    ports = [dataclasses.replace(parse_portspec(spec), proxies=proxies) for spec in options.ports]
    check_ports(ports)
    if not ports:
        raise UsageError(f"nothing to listen on: give a PORTSPEC (try {PROGRAM} --help)")
    if not command:
        raise UsageError(f"no root handler: give its command after -- (try {PROGRAM} --help)")
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(Limits)}
    given = {name: getattr(options, name) for name in _GIVEN}
    return Settings(ports, Limits(**values), command, logs=log_settings(options), **given)


def check_options(arguments: list[str]) -> None:
    """See that a command line is right, without serving. Raises an `ashd.proto.Error`."""
    try:
        parse_options(arguments)
    except HelpRequested as answer:
        raise UsageError(f"this asks for help: {answer}") from None


def _build() -> str:
    """Return whether the modules on a request's way are `compiled` or `pure Python`."""
    return "pure Python" if _response.__file__.endswith(".py") else "compiled"


def _check_separator(arguments: list[str]) -> None:
    """Say where the -- belongs if a command seems to follow the last PORTSPEC."""
    for position, argument in reversed(list(enumerate(arguments))):
        if argument.partition(":")[0] in PORT_HANDLERS:
            start = position + 1
            if start < len(arguments) and not arguments[start].startswith("-"):
                ours, theirs = " ".join(arguments[:start]), " ".join(arguments[start:])
                raise UsageError(
                    f"the root handler's command must follow --: {PROGRAM} {ours} -- {theirs}"
                )
            return
