"""The command line of `ashd-wsgi`."""

from __future__ import annotations

import getopt
import os
from collections.abc import Sequence

from ashd.log import TEXT
from ashd.serve import DEFAULT_MODEL

from ._environ import working_directory
from ._errors import UsageError
from ._option_table import OPTIONS, SCGI_ONLY, Option
from ._sources import VARIABLE, Kind, Values, read_file, words_of_environment


class Options:
    """What the command line says. Times are in seconds."""

    help: bool = False
    version: bool = False
    find_application: bool = False
    leave_logging: bool = False
    bind: tuple[str, ...] = ()
    front_end: str = ""
    log_format: str = TEXT
    access_log: str = ""
    access_log_format: str = "combined"
    request_id: bool = False
    early_hints: bool = False
    otel: bool = False
    server_timing: bool = False
    path: tuple[str, ...] = ()
    reload: bool = False
    config: str | None = None
    check_config: bool = False
    model: str = DEFAULT_MODEL
    pdm: str | None = None
    workers: int = 0
    graceful_timeout: float = 30.0
    request_timeout: float | None = None
    queue_timeout: float | None = None
    max_requests: tuple[int, int] | None = None
    max_rss: int | None = None
    body_buffer: int | None = None
    content_length: bool = False
    limit: str = ""
    module: str = ""
    arguments: tuple[str, ...] = ()

    def __init__(self, program: str, *, scgi: bool = False) -> None:
        """Start with the defaults; with `scgi`, they are those of `scgi-wsgi`."""
        self.program = program
        self.scgi = scgi
        self.directory = working_directory()
        self.warnings: list[str] = []
        self.words: list[str] = []
        """The command line's own options, without `bind`."""

    @property
    def search_path(self) -> tuple[str, ...]:
        """Where to look for modules first; for MODULE:OBJECT, the working directory as well."""
        return (*self.path, self.directory) if ":" in self.module else self.path


_BY_NAME = {f"--{option.name}": option for option in OPTIONS if option.name} | {
    f"-{option.letter}": option for option in OPTIONS if option.letter
}
_BY_KEY = {option.key: option for option in OPTIONS}
_NOT_IN_FILES = {"help", "version", "config", "check-config", "l", "T"}
_REPEATABLE = {"bind", "path"}
_FRONT_ENDS = {"bind", "front_end"}
_FOR_PRODUCTION = ("workers", "max_requests", "max_rss")


def _kind(option: Option) -> Kind:
    if not option.metavar:
        return Kind.FLAG
    return Kind.LIST if option.key in _REPEATABLE else Kind.VALUE


def parse_options(program: str, arguments: Sequence[str], *, scgi: bool = False) -> Options:
    """Parse a command line; options end at HANDLER-MODULE. Raises `UsageError`.

    What it doesn't say, the environment may, and what neither says, the file of `--config`.
    """
    options = Options(program, scgi=scgi)
    found, rest = _read(program, arguments)
    given = _values(found)
    if "help" in given or "version" in given:
        options.help, options.version = "help" in given, "version" in given
        return options
    _apply_all(options, *_sources(program, given))
    options.words = [
        word
        for option, value in found
        if option.attribute not in _FRONT_ENDS
        for word in _as_words(option, value)
    ]
    if SCGI_ONLY in given and not scgi:
        raise UsageError(f"-T is an option of scgi-wsgi; {program} --bind takes HTTP")
    if options.early_hints and scgi:
        raise UsageError("--early-hints is for ashd-wsgi: web servers take none over SCGI")
    if not rest:
        raise UsageError(f"the name of a handler module is missing (see {program} --help)")
    options.module, options.arguments = rest[0], tuple(rest[1:])
    if ":" in rest[0] and "".join(rest[1:2]).startswith("-"):  # as other servers take them
        import shlex

        words = [*arguments[: len(arguments) - len(rest)], *rest[1:], rest[0]]
        raise UsageError(f"options come before what is served: {program} {shlex.join(words)}")
    _check(options)
    return options


def _check(options: Options) -> None:
    for attribute in _FOR_PRODUCTION:
        if options.reload and getattr(options, attribute):
            name = attribute.replace("_", "-")
            raise UsageError(f"--reload is for development, and excludes --{name}: leave one out")
    if not options.workers and (options.max_requests or options.max_rss):
        raise UsageError("--max-requests and --max-rss replace workers, and need --workers N")


def _read(program: str, arguments: Sequence[str]) -> tuple[list[tuple[Option, str]], list[str]]:
    """Return the options that words are, with their values, and the words after them."""
    letters = "".join(each.letter + ":" * bool(each.metavar) for each in OPTIONS if each.letter)
    names = [each.name + "=" * bool(each.metavar) for each in OPTIONS if each.name]
    try:
        found, rest = getopt.getopt(list(arguments), letters, names)
    except getopt.GetoptError as error:
        raise UsageError(f"{error}{_hint(error.opt)} (see {program} --help)") from error
    return [(_BY_NAME[name], value) for name, value in found], rest


def _hint(name: str) -> str:
    """Say what somebody may have meant by an option that isn't known."""
    from ._suggest import did_you_mean

    if f"--{name}" in _BY_NAME or f"-{name}" in _BY_NAME:
        return ""  # it lacks its value
    similar = did_you_mean(f"--{name}", _BY_NAME) if len(name) > 1 else ""
    return similar or "; options of ashd-htparser go into --front-end"


def _values(found: Sequence[tuple[Option, str]]) -> Values:
    given: Values = {}
    for option, value in found:
        given.setdefault(option.key, []).append(value)
    return given


def _as_words(option: Option, value: str) -> list[str]:
    if option.name:
        return [f"--{option.name}={value}" if option.metavar else f"--{option.name}"]
    return [f"-{option.letter}", value]


def _sources(program: str, given: Values) -> list[tuple[str, Values]]:
    """Return the values of all sources with their names, the weakest first."""
    try:
        found, rest = _read(program, words_of_environment())
    except UsageError as error:
        raise UsageError(f"{VARIABLE}: {error}") from None
    if rest:
        raise UsageError(f"{VARIABLE} holds options alone, not {rest[0]!r}")
    environment = _values(found)
    sources = [(f"{VARIABLE}: ", environment), ("", given)]
    files = given.get("config") or environment.get("config")
    if files:
        kinds = {key: _kind(each) for key, each in _BY_KEY.items() if key not in _NOT_IN_FILES}
        sources.insert(0, (f"{files[-1]}: ", read_file(files[-1], kinds)))
    return sources


def _apply_all(options: Options, *sources: tuple[str, Values]) -> None:
    """Set what the strongest source says of each option."""
    strongest: dict[str, tuple[str, list[str]]] = {}
    for source, given in sources:
        strongest |= {key: (source, values) for key, values in given.items()}
    for key, (source, texts) in strongest.items():
        for text in texts:
            try:
                _apply(options, _BY_KEY[key], text)
            except UsageError as error:
                raise UsageError(f"{source}{error}") from None


def _apply(options: Options, option: Option, value: str) -> None:
    if not option.metavar:
        setattr(options, option.attribute, True)
    elif option.attribute == "path":
        _add_path(options, value)
    elif option.attribute == "bind":
        options.bind = (*options.bind, value)
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


def _add_path(options: Options, value: str) -> None:
    path = os.path.normpath(os.path.join(options.directory, value))  # noqa: PTH118
    options.path = (path, *options.path)
    if not os.path.exists(path):  # noqa: PTH110 - start-up time
        options.warnings.append(f"-p {value}: there is no folder {path}")
    elif os.path.isfile(path) and path.endswith(".py"):  # noqa: PTH113
        options.warnings.append(
            f"-p {value} is a file; name its folder instead: -p {os.path.dirname(value) or '.'}"  # noqa: PTH120
        )
