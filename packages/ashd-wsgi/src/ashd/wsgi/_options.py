"""The command line of `ashd-wsgi`."""

from __future__ import annotations

import getopt
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ashd.proto._logs import FORMATS, TEXT
from ashd.serve import DEFAULT_MODEL

from ._environ import working_directory
from ._errors import StartError


class UsageError(StartError):
    """The command line is wrong."""


class Options:
    """What the command line says. Times are in seconds."""

    help: bool = False
    version: bool = False
    find_application: bool = False
    leave_logging: bool = False
    log_format: str = TEXT
    path: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL
    pdm: str | None = None
    workers: int = 0
    graceful_timeout: float = 30.0
    request_timeout: float | None = None
    queue_timeout: float | None = None
    max_requests: tuple[int, int] | None = None
    max_rss: int | None = None
    body_buffer: int | None = None
    limit: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()

    def __init__(self, program: str) -> None:
        """Start with the defaults."""
        self.program = program
        self.directory = working_directory()
        self.warnings: list[str] = []


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _log_format(text: str) -> str:
    if text not in FORMATS:
        raise UsageError(f"--log-format takes {' or '.join(FORMATS)}, not {text!r}")
    return text


def _count_and_jitter(text: str) -> tuple[int, int]:
    count, _, jitter = text.partition(",")
    return _count(count), _count(jitter) if jitter else 0


_INDENT = " " * 10


class _Option(NamedTuple):
    """An option: its letter (or ""), its name, the attribute it sets, and what its value is."""

    letter: str
    name: str
    attribute: str
    metavar: str = ""
    convert: Callable[[str], object] = str
    help: str = ""


OPTIONS = (
    _Option("h", "help", "help", help="print this text"),
    _Option("", "version", "version", help="print the version"),
    _Option(
        "A",
        "application",
        "find_application",
        help="use the object `application` of the module, as mod_wsgi does, instead of calling "
        "its wmain(ARGS...)",
    ),
    _Option("L", "leave-logging", "leave_logging", help="leave Python's logging alone"),
    _Option(
        "",
        "log-format",
        "log_format",
        "text|json",
        _log_format,
        "lines of the log, on standard error or in syslog (default: text)",
    ),
    _Option(
        "p",
        "path",
        "path",
        "MODPATH",
        help="look for modules in MODPATH first (repeatable: the last one comes first)",
    ),
    _Option(
        "t",
        "model",
        "model",
        "MODEL",
        help="free[:max=N[,timeout=SECONDS]], pool[:max=N][,timeout=SECONDS], rplex[:max=N], or "
        "single. At most N requests run at the same time (pool: 25); a request that waits longer "
        "than SECONDS for a thread ends the program with abort(3). timeout is called abort, too",
    ),
    _Option("m", "pdm", "pdm", "PDM-SPEC", help="open a debug socket: PATH[:MODE[:GROUP]]"),
    _Option("w", "workers", "workers", "N", _count, "serve with N processes (SIGHUP renews them)"),
    _Option(
        "",
        "request-timeout",
        "request_timeout",
        "SECONDS",
        _seconds,
        "end requests that take longer, with 504 if nothing was sent yet",
    ),
    _Option(
        "",
        "queue-timeout",
        "queue_timeout",
        "SECONDS",
        _seconds,
        "answer requests with 503 at once that have waited longer before they were received",
    ),
    _Option(
        "",
        "max-requests",
        "max_requests",
        "N[,JITTER]",
        _count_and_jitter,
        "replace a worker after N requests, and up to JITTER more",
    ),
    _Option("", "max-rss", "max_rss", "MIB", _count, "replace a worker that uses more memory"),
    _Option(
        "",
        "body-buffer",
        "body_buffer",
        "MIB",
        _count,
        "set up to so much of a request's body aside while its response is written (default: 64)",
    ),
    _Option(
        "",
        "graceful-timeout",
        "graceful_timeout",
        "SECONDS",
        _seconds,
        "how long running requests may take when the program stops (default: 30)",
    ),
    _Option("l", "", "limit", "N", help="has no effect; for old configurations"),
)

_BY_NAME = {f"--{option.name}": option for option in OPTIONS if option.name} | {
    f"-{option.letter}": option for option in OPTIONS if option.letter
}


def parse_options(program: str, arguments: Sequence[str]) -> Options:
    """Parse a command line; options end at HANDLER-MODULE. Raises `UsageError`."""
    options = Options(program)
    letters = "".join(each.letter + ":" * bool(each.metavar) for each in OPTIONS if each.letter)
    names = [each.name + "=" * bool(each.metavar) for each in OPTIONS if each.name]
    try:
        found, rest = getopt.getopt(list(arguments), letters, names)
    except getopt.GetoptError as error:
        raise UsageError(f"{error} (see {program} --help)") from error
    for name, value in found:
        _apply(options, _BY_NAME[name], value)
    if options.help or options.version:
        return options
    if not rest:
        raise UsageError(f"the name of a handler module is missing (see {program} --help)")
    options.module, options.arguments = rest[0], tuple(rest[1:])
    if not options.workers and (options.max_requests or options.max_rss):
        raise UsageError("--max-requests and --max-rss replace workers, and need --workers N")
    return options


def _apply(options: Options, option: _Option, value: str) -> None:
    if not option.metavar:
        setattr(options, option.attribute, True)
    elif option.attribute == "path":
        path = os.path.normpath(os.path.join(options.directory, value))  # noqa: PTH118
        options.path = (path, *options.path)
        if not os.path.exists(path):  # noqa: PTH110 - start-up time
            options.warnings.append(f"-p {value}: there is no folder {path}")
        elif os.path.isfile(path) and path.endswith(".py"):  # noqa: PTH113
            options.warnings.append(
                f"-p {value} is a file; name its folder instead: -p {os.path.dirname(value) or '.'}"  # noqa: PTH120
            )
    elif option.attribute == "limit":
        options.warnings.append(
            f"-l {value} has no effect; -t free:max={value} limits the requests at the same time"
        )
    else:
        try:
            setattr(options, option.attribute, option.convert(value))
        except ValueError:
            raise UsageError(
                f"--{option.name} takes {option.metavar}, above 0, not {value!r}"
            ) from None


def help_text(program: str) -> str:
    """Return what `--help` prints."""
    from textwrap import wrap

    lines = [
        f"usage: {program} [OPTIONS] HANDLER-MODULE [ARGS...]",
        "",
        "Serves a WSGI application behind ashd. It is started by a front end, for example:",
        f"  ashd-htparser plain:port=8080 -- {program} -p . -A myapplication",
        "",
    ]
    for option in OPTIONS:
        lines.append(f"  {_spelling(option)}")
        lines += wrap(option.help, 90, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join(lines) + "\n"


def _spelling(option: _Option) -> str:
    letter = f"-{option.letter}" if option.letter else "   "
    name = f"--{option.name}" if option.name else ""
    spelling = (", " if option.letter and name else " ").join(filter(None, (letter, name)))
    return f"{spelling} {option.metavar}".rstrip()
