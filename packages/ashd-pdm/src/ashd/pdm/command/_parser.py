"""What `ashd-pdm` can be called with: one table, from which the parser is made."""

from __future__ import annotations

import argparse
import importlib.metadata
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ._completion import SHELLS, names_of_objects

if TYPE_CHECKING:
    from collections.abc import Callable

RISK = "Anyone who reaches a debug socket can run code as the user of the daemon."


def _above_zero(kind: type[float], what: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = kind(0)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} above 0")
        return number

    return convert


_number, _whole = _above_zero(float, "a number"), _above_zero(int, "a whole number")
CONVERTERS = {"SECONDS": _number, "RATE": _number, "COUNT": _whole, "LINES": _whole}
"""How the values of arguments and options are read, by metavar; others are text."""

COMPLETERS = {"NAME": names_of_objects, "SHELL": lambda **_: list(SHELLS)}
"""What completes them in a shell."""


@dataclass(frozen=True, slots=True)
class Word:
    """An argument or an option, as argparse takes it."""

    flags: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand; `run` is MODULE:FUNCTION below this package."""

    name: str
    run: str
    help: str
    words: list[Word]
    notes: str = ""


def _argument(metavar: str, text: str, **more: Any) -> Word:
    return _option(metavar.lower(), metavar, text, **more)


def _option(flags: str, metavar: str, text: str, **more: Any) -> Word:
    settings = {"metavar": metavar, "help": text, "type": CONVERTERS.get(metavar, str), **more}
    return Word(tuple(flags.split()), settings)


def _switch(flags: str, text: str) -> Word:
    return Word(tuple(flags.split()), {"action": "store_true", "help": text})


PLACES = "PATH of a Unix socket (with a / in it), PORT on this machine, HOST:PORT, or HOST:PATH"
DAEMON = [
    _argument("TARGET", f"{PLACES} through ssh"),
    _option("-w --worker", "WORKER", "ask only this one of several worker processes"),
]
NAME = _argument("NAME", "an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime")
JSON = _switch("-j --json", "write JSON, for scripts")
INTERVAL = _option(
    "-i --interval", "SECONDS", "seconds between two looks (default: 1)", default=1.0
)
COUNT = _option("-n --count", "COUNT", "end after this many looks or lines")
LINES = _option("-l --lines", "LINES", "lines to show (default: 20)", default=20)

SUBCOMMANDS = (
    Subcommand(
        "repl",
        "repl._run:run",
        "a prompt inside the daemon",
        [
            *DAEMON,
            _option("-c --command", "CODE", "run CODE; may be repeated", action="append"),
            _switch("-p --plain", "a plain prompt, even if prompt_toolkit is installed"),
            _switch("-s --safe", "escape control characters in what the code prints"),
            _option("--history", "FILE", "keep the history there, not in ~/.local/state/ashd-pdm"),
        ],
        "Ctrl-C interrupts the code that runs in the daemon; a second Ctrl-C leaves it. "
        "The exit status is 1 if the code raised an exception.",
    ),
    Subcommand(
        "top",
        "top._run:run",
        "a live screen: requests, latencies, threads, CPU, memory, workers",
        [
            *DAEMON,
            INTERVAL,
            COUNT,
            _switch("-p --plain", "write text, look after look, instead of filling the screen"),
        ],
        "Keys: the arrows select a request, Enter shows its stack, p pauses, q quits.",
    ),
    Subcommand(
        "threads",
        "_threads:run",
        "stacks of all threads, with the request that each one serves",
        [*DAEMON, JSON],
    ),
    Subcommand(
        "profile",
        "profile._run:run",
        "sample all threads, and show where time goes",
        [
            *DAEMON,
            _option("-s --seconds", "SECONDS", "how long (default: 5)", default=5.0),
            _option("-r --rate", "RATE", "samples a second (default: 50)", default=50.0),
            _option(
                "-o --output",
                "FILE",
                "write a flame graph (.svg, .html), speedscope's format (.json) "
                "or collapsed stacks (.txt)",
            ),
            _switch("--cpu", "count only the time in which threads were on a processor"),
            _switch("--idle", "also count threads that only wait for work"),
            LINES,
        ],
    ),
    Subcommand(
        "heap",
        "_heap:run",
        "what memory is made of",
        [
            *DAEMON,
            JSON,
            LINES,
            _option("-g --growth", "SECONDS", "show what grows in this time"),
            _option(
                "-t --trace",
                "SECONDS",
                "trace allocations for this time, and show where memory grew",
            ),
            _switch("--trace-start", "turn tracemalloc on in the daemon"),
            _switch("--trace-stop", "turn it off again"),
        ],
        "Types and --growth show objects that the garbage collector tracks: not bytes, "
        "bytearrays and texts. --trace sees all memory; until it ends, allocations in the daemon "
        "are up to 15 times slower and take more memory. While tracemalloc is on, the lines that "
        "allocated most are shown as well.",
    ),
    Subcommand(
        "ls",
        "_objects:list_names",
        "names of objects",
        [*DAEMON, _argument("NAME", "a directory; without it, all objects", nargs="?"), JSON],
    ),
    Subcommand(
        "get",
        "_objects:get",
        "read an attribute, or all attributes of a directory",
        [*DAEMON, NAME, JSON, _switch("-v --verbose", "also say what it means")],
    ),
    Subcommand(
        "watch",
        "_objects:watch",
        "show events as they come, or an attribute whenever it changes",
        [*DAEMON, NAME, JSON, INTERVAL, COUNT],
    ),
    Subcommand(
        "call",
        "_objects:call",
        "call a method of an object",
        [
            *DAEMON,
            NAME,
            _argument("METHOD", "the method"),
            _argument("ARGUMENT", "VALUE or NAME=VALUE, as in Python; the rest is text", nargs="*"),
            JSON,
        ],
    ),
    Subcommand(
        "metrics",
        "metrics._run:run",
        "figures for Prometheus",
        [
            *DAEMON,
            _option("-L --listen", "ADDRESS:PORT", "serve them over HTTP, until a signal ends it"),
            _option(
                "-a --attribute",
                "NAME",
                "add this attribute, or all of this directory; may be repeated",
                action="append",
                default=[],
            ),
        ],
    ),
    Subcommand(
        "completion",
        "_completion:run",
        "print the completions of a shell",
        [_argument("SHELL", "bash, zsh or fish")],
    ),
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong; exit status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Return the parser of `ashd-pdm`. What it returns has `run` in it."""
    parser = Parser(
        prog="ashd-pdm",
        description="Look into a live Python daemon through its debug socket.",
        epilog=RISK,
        allow_abbrev=False,
    )
    version = importlib.metadata.version("ashd-pdm")
    parser.add_argument("-V", "--version", action="version", version=f"ashd-pdm {version}")
    chosen = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for subcommand in SUBCOMMANDS:
        inner = chosen.add_parser(
            subcommand.name,
            help=subcommand.help,
            description=f"{subcommand.help[0].upper()}{subcommand.help[1:]}.",
            epilog=subcommand.notes,
            allow_abbrev=False,
        )
        _fill(inner, subcommand)
    return parser


def make_repl_parser() -> Parser:
    """Return the parser of `pdm-repl`."""
    description = "A prompt inside a daemon; the same as ashd-pdm repl."
    parser = Parser(prog="pdm-repl", description=description, epilog=RISK, allow_abbrev=False)
    _fill(parser, SUBCOMMANDS[0])
    return parser


def _fill(parser: argparse.ArgumentParser, subcommand: Subcommand) -> None:
    parser.set_defaults(run=subcommand.run)
    for word in subcommand.words:
        action = parser.add_argument(*word.flags, **word.settings)
        completer = COMPLETERS.get(str(action.metavar))
        action.completer = completer  # type: ignore[attr-defined]  # argcomplete's way
