"""What `ashd-pdm` can be called with: one table, from which the parser is made."""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from ._completion import SHELLS, names_of_objects

RISK = "Anyone who reaches a debug socket can run code as the user of the daemon."

TABLE = """
repl         repl._run:run         a prompt inside the daemon
  -c --command CODE                run CODE; may be repeated
  -p --plain                       a plain prompt, even if prompt_toolkit is installed
  -s --safe                        escape control characters in what the code prints
  --history FILE                   keep the history there, not in ~/.local/state/ashd-pdm
top          top._run:run          a live screen: requests, latencies, threads, CPU, memory, workers
  -i --interval SECONDS            seconds between two looks (default: 1)
  -n --count COUNT                 end after this many looks
  -p --plain                       write text, look after look, instead of filling the screen
threads      _threads:run          stacks of all threads, with the request that each one serves
  -j --json                        write JSON, for scripts
profile      profile._run:run      sample all threads, and show where time goes
  -s --seconds SECONDS             how long (default: 5)
  -r --rate RATE                   samples a second (default: 50)
  -o --output FILE                 write a flame graph (.svg, .html), speedscope's format (.json)
                                   or collapsed stacks (.txt)
  --cpu                            count only the time in which threads were on a processor
  --idle                           also count threads that only wait for work
  -l --lines LINES                 lines to show (default: 20)
heap         _heap:run             what memory is made of
  -j --json                        write JSON, for scripts
  -l --lines LINES                 lines to show (default: 20)
  -g --growth SECONDS              show what grows in this time
  -t --trace SECONDS               trace allocations for this time, and show where memory grew
  --trace-start                    turn tracemalloc on in the daemon
  --trace-stop                     turn it off again
ls           _objects:list_names   names of objects
  NAME?                            a directory; without it, all objects
  -j --json                        write JSON, for scripts
get          _objects:get          read an attribute, or all attributes of a directory
  NAME                             an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime
  -j --json                        write JSON, for scripts
  -v --verbose                     also say what it means
watch        _objects:watch        show events as they come, or an attribute whenever it changes
  NAME                             an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime
  -j --json                        write JSON, for scripts
  -i --interval SECONDS            seconds between two looks (default: 1)
  -n --count COUNT                 end after this many lines
call         _objects:call         call a method of an object
  NAME                             an object: MODULE.OBJECT[/NAME]..., or short: sysres/cputime
  METHOD                           the method
  ARGUMENT*                        VALUE or NAME=VALUE, as in Python; the rest is text
  -j --json                        write JSON, for scripts
requests     requests._run:run     record the last requests of ashd-wsgi, and show them
  ID?                              show this one in full; without it, list those that are kept
  -r --record COUNT                keep the heads of the last COUNT requests from now on
  -b --bodies BYTES                with --record: keep so many bytes of each body, too
  -m --mask NAME                   with --record: what is called NAME, or has it in its name, is
                                   secret, too; may be repeated
  --stop                           keep no more, and forget those that are kept
  -o --output FILE                 write the request ID to FILE, for ashd-pdm replay
  -j --json                        write JSON, for scripts
replay       requests._replay:run  send a recorded request to a handler, under a debugger
  SOURCE                           a file that ashd-pdm requests TARGET ID -o has written, or the
                                   TARGET of a daemon
  COMMAND*                         after --: the handler, as in ashd-wsgi myproject:app
  -i --id ID                       the request to send (a daemon's last one if left out)
  -H --header HEADER               NAME: VALUE to send in place of what was recorded; may be
                                   repeated
  -b --body FILE                   send this body
  -o --output FILE                 write the body of the response there
metrics      metrics._run:run      figures for Prometheus
  -L --listen ADDRESS:PORT         serve them over HTTP, until a signal ends it
  -a --attribute NAME              add this attribute, or all of this directory; may be repeated
completion   _completion:run       print the completions of a shell
  SHELL                            bash, zsh or fish
"""
"""A subcommand, MODULE:FUNCTION below this package, what it does; below it the words that it takes:
options with a metavar, switches without, arguments in capitals (`?`: may be left out, `*`: any
number). What a word has for its default and whether it may be repeated is taken from its help.
"""

DAEMON = """
  TARGET                           PATH of a Unix socket (with a / in it), PORT on this machine,
                                   HOST:PORT, or HOST:PATH through ssh
  -w --worker WORKER               ask only this one of several worker processes
"""
"""The words that all subcommands take which ask a daemon."""

WITHOUT_DAEMON = {"completion", "replay"}

NOTES = {
    "repl": "Ctrl-C interrupts the code that runs in the daemon; a second Ctrl-C leaves it. "
    "The exit status is 1 if the code raised an exception.",
    "top": "Keys: the arrows select a request, Enter shows its stack, p pauses, q quits.",
    "requests": "Values of headers like Authorization and Cookie, and of parameters and JSON keys "
    "like token and password, are masked before they are kept. Bodies are looked into if they are "
    "forms or JSON, but not if they have several parts.",
    "replay": "Standard input of the handler is your terminal, so breakpoint() opens a debugger. "
    "Needs ashd-proto: pip install 'ashd-pdm[replay]'.",
    "heap": "Types and --growth show objects that the garbage collector tracks: not bytes, "
    "bytearrays and texts. --trace sees all memory; until it ends, allocations in the daemon "
    "are up to 15 times slower and take more memory. While tracemalloc is on, the lines that "
    "allocated most are shown as well.",
}


def _above_zero(kind: type[float], what: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        with suppress(ValueError):
            number = kind(text)
            if 0 < number < math.inf:
                return number
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} above 0")

    return convert


_number, _whole = _above_zero(float, "a number"), _above_zero(int, "a whole number")
CONVERTERS = {
    "SECONDS": _number, "RATE": _number, "COUNT": _whole, "LINES": _whole, "BYTES": _whole
}  # fmt: skip
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


def _read(table: str) -> list[Subcommand]:
    found = []
    for entry in re.findall(r"^\S.*(?:\n .*)*", table, re.MULTILINE):
        first, *lines = entry.split("\n")
        name, run, text = re.split("  +", first)
        words = _words("" if name in WITHOUT_DAEMON else DAEMON) + _words("\n".join(lines))
        found.append(Subcommand(name, run, text, words))
    return found


def _words(table: str) -> list[Word]:
    found = re.findall(r"^  (\S.*?)  +(.*(?:\n   .*)*)", table, re.MULTILINE)
    return [_word(head.split(), " ".join(text.split())) for head, text in found]


def _word(head: list[str], text: str) -> Word:
    flags = [flag for flag in head if flag.startswith("-")]
    settings: dict[str, Any] = {"help": text}
    if len(flags) == len(head):
        return Word(flags, {"action": "store_true", **settings})
    metavar = head[-1].rstrip("?*")
    settings |= {"metavar": metavar, "type": CONVERTERS.get(metavar, str)}
    if default := re.search(r"\(default: (\w+)\)", text):
        settings["default"] = settings["type"](default[1])
    if "may be repeated" in text:
        settings |= {"action": "append", "default": []}
    if head[-1] != metavar:
        settings["nargs"] = head[-1][-1]
    return Word(flags or [metavar.lower()], settings)


SUBCOMMANDS = _read(TABLE)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence; exit status 2.

    Attributes:
        takes_command: whether what follows `--` is a command of somebody else's.
    """

    takes_command = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Take options between SOURCE and `--`, too, which argparse alone doesn't."""
        if not self.takes_command or "--" not in args:
            return super().parse_known_args(args, namespace)
        at = args.index("--")
        found, rest = super().parse_known_args(args[:at], namespace)
        found.command += args[at + 1 :]
        return found, rest

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Return the parser of `ashd-pdm`. What it returns has `run` in it."""
    about = "Look into a live Python daemon through its debug socket."
    parser = _with_version(
        Parser(prog="ashd-pdm", description=about, epilog=RISK, allow_abbrev=False)
    )
    chosen = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for one in SUBCOMMANDS:
        about, notes = f"{one.help[0].upper()}{one.help[1:]}.", NOTES.get(one.name)
        _fill(chosen.add_parser(one.name, help=one.help, description=about, epilog=notes), one)
    return parser


def make_repl_parser() -> Parser:
    """Return the parser of `pdm-repl`."""
    about = "A prompt inside a daemon; the same as ashd-pdm repl."
    parser = _with_version(Parser(prog="pdm-repl", description=about, epilog=RISK))
    return _fill(parser, SUBCOMMANDS[0])


def _with_version(parser: Parser) -> Parser:
    version = f"{parser.prog} {importlib.metadata.version('ashd-pdm')}"
    parser.add_argument("-V", "--version", action="version", version=version)
    return parser


def _fill(parser: Parser, subcommand: Subcommand) -> Parser:
    parser.allow_abbrev = False
    parser.set_defaults(run=subcommand.run)
    for word in subcommand.words:
        action = parser.add_argument(*word.flags, **word.settings)
        parser.takes_command |= action.dest == "command" and not action.option_strings
        completer = COMPLETERS.get(str(action.metavar))
        action.completer = completer  # type: ignore[attr-defined]  # argcomplete's way
    return parser
