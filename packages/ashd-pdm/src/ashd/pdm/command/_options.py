"""What `ashd-pdm` can be called with: one table, read by the parser and by the completions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Completes(Enum):
    """What a shell can offer for a word."""

    NOTHING = "nothing"
    FILE = "file"
    TARGET = "target"
    NAME = "name"
    """The name of an object of the daemon."""
    SHELL = "shell"


@dataclass(frozen=True, slots=True)
class Option:
    """An option. Without a `value` it is a switch."""

    short: str | None
    long: str
    help: str
    value: str | None = None
    convert: Callable[[str], Any] = str
    default: Any = None
    repeats: bool = False
    completes: Completes = Completes.NOTHING

    @property
    def spellings(self) -> list[str]:
        """Both ways to write it."""
        return [name for name in (self.short, self.long) if name is not None]


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that stands by itself. `count` is that of argparse: None for one, `?`, `*`."""

    name: str
    help: str
    count: str | None = None
    completes: Completes = Completes.NOTHING


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A subcommand: `module` (below this package) has the function that runs it."""

    name: str
    help: str
    module: str
    function: str = "run"
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    notes: str = ""


def positive(text: str) -> float:
    """Convert a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def whole(text: str) -> int:
    """Convert a whole number above 0."""
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


# What errors of the parser say that is wanted.
positive.wants = "a number above 0"  # type: ignore[attr-defined]
whole.wants = "a whole number above 0"  # type: ignore[attr-defined]

TARGET = Argument(
    "TARGET",
    "PATH of a Unix socket (with a / in it), PORT on this machine, HOST:PORT, "
    "or HOST:PATH through ssh",
    completes=Completes.TARGET,
)
NAME = Argument(
    "NAME", "an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime", None, Completes.NAME
)
WORKER = Option("-w", "--worker", "ask only this one of several worker processes", "WORKER")
JSON = Option("-j", "--json", "write JSON, for scripts")
INTERVAL = Option(
    "-i", "--interval", "seconds between two looks (default: 1)", "SECONDS", positive, 1.0
)

SUBCOMMANDS = (
    Subcommand(
        "repl",
        "a prompt inside the daemon",
        "repl",
        arguments=(TARGET,),
        options=(
            WORKER,
            Option(
                "-c",
                "--command",
                "run CODE instead of reading it; may be repeated",
                "CODE",
                repeats=True,
            ),
            Option("-p", "--plain", "a plain prompt, also where a better one is installed"),
            Option("-s", "--safe", "escape control characters in what the code prints"),
            Option(
                None,
                "--history",
                "where the history is kept (default: ~/.local/state/ashd-pdm/history)",
                "FILE",
                completes=Completes.FILE,
            ),
        ),
        notes="Ctrl-C interrupts the code that runs in the daemon; a second Ctrl-C leaves it. "
        "Exit status: 1 when the code raised an exception.",
    ),
    Subcommand(
        "top",
        "a live screen: requests, latencies, threads, CPU, memory, workers",
        "top",
        arguments=(TARGET,),
        options=(
            WORKER,
            INTERVAL,
            Option("-n", "--count", "end after that many looks", "COUNT", whole),
            Option("-p", "--plain", "write text, look after look, instead of filling the screen"),
        ),
        notes="Keys: arrows select a request, Enter shows its stack, p pauses, q quits.",
    ),
    Subcommand(
        "threads",
        "stacks of all threads, with the request that each one holds",
        "_threads",
        arguments=(TARGET,),
        options=(WORKER, JSON),
    ),
    Subcommand(
        "profile",
        "sample all threads, and show where time goes",
        "profile",
        arguments=(TARGET,),
        options=(
            WORKER,
            Option("-s", "--seconds", "how long (default: 5)", "SECONDS", positive, 5.0),
            Option("-r", "--rate", "samples a second (default: 50)", "RATE", positive, 50.0),
            Option(
                "-o",
                "--output",
                "write a flame graph (.svg, .html), speedscope's format "
                "(.json) or collapsed stacks (.txt)",
                "FILE",
                completes=Completes.FILE,
            ),
            Option(None, "--cpu", "count only the time in which threads were on a processor"),
            Option(None, "--idle", "count threads, too, that only wait for work"),
            Option("-l", "--lines", "lines of the summary (default: 20)", "LINES", whole, 20),
        ),
    ),
    Subcommand(
        "heap",
        "what memory is made of",
        "_heap",
        arguments=(TARGET,),
        options=(
            WORKER,
            JSON,
            Option("-l", "--lines", "how many types to show (default: 20)", "LINES", whole, 20),
            Option("-g", "--growth", "what grows in so many seconds", "SECONDS", positive),
            Option(
                "-t",
                "--trace",
                "trace allocations for so many seconds, and show where memory grew",
                "SECONDS",
                positive,
            ),
            Option(None, "--trace-start", "turn tracemalloc on in the daemon"),
            Option(None, "--trace-stop", "turn it off again"),
        ),
        notes="Types and --growth show objects that the garbage collector tracks: not bytes, "
        "bytearrays and texts. --trace sees all memory; until it ends, allocations in the daemon "
        "are up to 15 times slower and take more memory. With tracemalloc on, the lines that "
        "allocated most are shown, too.",
    ),
    Subcommand(
        "ls",
        "names of objects",
        "_objects",
        "list_names",
        arguments=(
            TARGET,
            Argument("NAME", "a directory; without it, all objects", "?", Completes.NAME),
        ),
        options=(WORKER, JSON),
    ),
    Subcommand(
        "get",
        "read an attribute, or all of a directory",
        "_objects",
        "get",
        arguments=(TARGET, NAME),
        options=(WORKER, JSON, Option("-v", "--verbose", "say, too, what it means")),
    ),
    Subcommand(
        "watch",
        "show events as they come, or an attribute whenever it changes",
        "_objects",
        "watch",
        arguments=(TARGET, NAME),
        options=(
            WORKER,
            JSON,
            INTERVAL,
            Option("-n", "--count", "end after that many lines", "COUNT", whole),
        ),
    ),
    Subcommand(
        "call",
        "call a method of an object",
        "_objects",
        "call",
        arguments=(
            TARGET,
            NAME,
            Argument("METHOD", "the method"),
            Argument("ARGUMENT", "VALUE or NAME=VALUE, each as in Python, or else text", "*"),
        ),
        options=(WORKER, JSON),
    ),
    Subcommand(
        "metrics",
        "figures for Prometheus",
        "metrics",
        arguments=(TARGET,),
        options=(
            WORKER,
            Option(
                "-L",
                "--listen",
                "serve them there over HTTP, until a signal ends it",
                "ADDRESS:PORT",
            ),
            Option(
                "-a",
                "--attribute",
                "also this attribute, or all of this directory; may be repeated",
                "NAME",
                repeats=True,
                completes=Completes.NAME,
            ),
        ),
    ),
    Subcommand(
        "completion",
        "print the completions of a shell",
        "_completion",
        arguments=(Argument("SHELL", "bash, zsh or fish", completes=Completes.SHELL),),
    ),
)
