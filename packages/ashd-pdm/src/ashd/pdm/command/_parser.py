"""What `ashd-pdm` can be called with: one table, from which the parser is made."""

from __future__ import annotations

import argparse
import importlib.metadata
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from ._completion import SHELLS, names_of_objects

RISK = "Anyone who reaches a debug socket can run code as the user of the daemon."


def _above_zero(kind: type[float], what: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        with suppress(ValueError):
            number = kind(text)
            if 0 < number < math.inf:
                return number
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} above 0")

    return convert


_number, _whole = _above_zero(float, "a number"), _above_zero(int, "a whole number")
CONVERTERS = {"SECONDS": _number, "RATE": _number, "COUNT": _whole, "LINES": _whole}
"""How the values of arguments and options are read, by metavar; others are text."""

COMPLETERS = {"NAME": names_of_objects, "SHELL": lambda **_: list(SHELLS)}
"""What completes them in a shell."""


class Word(NamedTuple):
    """An argument, an option or a switch, as argparse takes it."""

    flags: list[str]
    settings: dict[str, Any]


class Subcommand(NamedTuple):
    """A subcommand; `run` is MODULE:FUNCTION below this package."""

    name: str
    run: str
    help: str
    words: list[Word]
    notes: str = ""


def _word(flags: str, text: str, metavar: str = "", **more: Any) -> Word:
    """Make an option, which has a metavar; an argument, which has no dash; or else a switch."""
    metavar = metavar or ("" if flags.startswith("-") else flags.upper())
    kind = {"metavar": metavar, "type": CONVERTERS.get(metavar, str)}
    return Word(flags.split(), {"help": text, **(kind if metavar else _SWITCH), **more})


_SWITCH = {"action": "store_true"}
DAEMON = [
    _word(
        "target",
        "PATH of a Unix socket (with a / in it), PORT on this machine, HOST:PORT, or HOST:PATH "
        "through ssh",
    ),
    _word("-w --worker", "ask only this one of several worker processes", "WORKER"),
]
NAME = _word("name", "an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime")
JSON = _word("-j --json", "write JSON, for scripts")
INTERVAL = _word("-i --interval", "seconds between two looks (default: 1)", "SECONDS", default=1.0)
COUNT = _word("-n --count", "end after this many looks or lines", "COUNT")
LINES = _word("-l --lines", "lines to show (default: 20)", "LINES", default=20)

SUBCOMMANDS = (
    Subcommand(
        "repl",
        "repl._run:run",
        "a prompt inside the daemon",
        [
            *DAEMON,
            _word("-c --command", "run CODE; may be repeated", "CODE", action="append"),
            _word("-p --plain", "a plain prompt, even if prompt_toolkit is installed"),
            _word("-s --safe", "escape control characters in what the code prints"),
            _word("--history", "keep the history there, not in ~/.local/state/ashd-pdm", "FILE"),
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
            _word("-p --plain", "write text, look after look, instead of filling the screen"),
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
            _word("-s --seconds", "how long (default: 5)", "SECONDS", default=5.0),
            _word("-r --rate", "samples a second (default: 50)", "RATE", default=50.0),
            _word(
                "-o --output",
                "write a flame graph (.svg, .html), speedscope's format (.json) "
                "or collapsed stacks (.txt)",
                "FILE",
            ),
            _word("--cpu", "count only the time in which threads were on a processor"),
            _word("--idle", "also count threads that only wait for work"),
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
            _word("-g --growth", "show what grows in this time", "SECONDS"),
            _word(
                "-t --trace",
                "trace allocations for this time, and show where memory grew",
                "SECONDS",
            ),
            _word("--trace-start", "turn tracemalloc on in the daemon"),
            _word("--trace-stop", "turn it off again"),
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
        [*DAEMON, _word("name", "a directory; without it, all objects", nargs="?"), JSON],
    ),
    Subcommand(
        "get",
        "_objects:get",
        "read an attribute, or all attributes of a directory",
        [*DAEMON, NAME, JSON, _word("-v --verbose", "also say what it means")],
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
            _word("method", "the method"),
            _word("argument", "VALUE or NAME=VALUE, as in Python; the rest is text", nargs="*"),
            JSON,
        ],
    ),
    Subcommand(
        "metrics",
        "metrics._run:run",
        "figures for Prometheus",
        [
            *DAEMON,
            _word("-L --listen", "serve them over HTTP, until a signal ends it", "ADDRESS:PORT"),
            _word(
                "-a --attribute",
                "add this attribute, or all of this directory; may be repeated",
                "NAME",
                action="append",
                default=[],
            ),
        ],
    ),
    Subcommand(
        "completion",
        "_completion:run",
        "print the completions of a shell",
        [_word("shell", "bash, zsh or fish")],
    ),
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence; exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Return the parser of `ashd-pdm`. What it returns has `run` in it."""
    description = "Look into a live Python daemon through its debug socket."
    parser = Parser(prog="ashd-pdm", description=description, epilog=RISK, allow_abbrev=False)
    version = importlib.metadata.version("ashd-pdm")
    parser.add_argument("-V", "--version", action="version", version=f"ashd-pdm {version}")
    chosen = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for one in SUBCOMMANDS:
        description = f"{one.help[0].upper()}{one.help[1:]}."
        inner = chosen.add_parser(
            one.name,
            help=one.help,
            description=description,
            epilog=one.notes,
            allow_abbrev=False,
        )
        _fill(inner, one)
    return parser


def make_repl_parser() -> Parser:
    """Return the parser of `pdm-repl`."""
    description = "A prompt inside a daemon; the same as ashd-pdm repl."
    parser = Parser(prog="pdm-repl", description=description, epilog=RISK, allow_abbrev=False)
    _fill(parser, SUBCOMMANDS[0])
    return parser


def _fill(parser: Parser, subcommand: Subcommand) -> None:
    parser.set_defaults(run=subcommand.run)
    for word in subcommand.words:
        action = parser.add_argument(*word.flags, **word.settings)
        completer = COMPLETERS.get(str(action.metavar))
        action.completer = completer  # type: ignore[attr-defined]  # argcomplete's way
