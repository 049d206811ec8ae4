"""The contents of a configuration as plain values that never change.

Paths are relative to the directory that is served, without a leading `./`; its own is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum

from ._errors import ConfigError
from ._lines import Line

Rule = Callable[[str, str], bool]
"""A condition on a file, called with its name and with its path as the configuration sees it."""

NOT_FOUND_HANDLER = ".notfound"


class Subject(Enum):
    """What a `match` stanza is about; the values are the words of the language."""

    FILE = "file"
    DIRECTORY = "directory"
    NOT_FOUND = "notfound"


@dataclass(frozen=True, slots=True)
class Handler:
    """A program that serves requests: any number (`child`) or one (`fchild`, `fork`).

    `directory` is where it starts: that of its `.htrc` file, otherwise the root. `origin` is the
    configuration file that it belongs to, directly or by an `include`.
    """

    name: str
    argv: tuple[str, ...]
    persistent: bool
    directory: str
    origin: str


@dataclass(frozen=True, slots=True)
class Match:
    """A `match` stanza. Its action is the name of a handler, or a program of its own.

    None stands for `reparse`: its headers are set, and the other stanzas are tried.
    """

    subject: Subject
    rules: tuple[Rule, ...]
    default: bool
    action: str | Handler | None
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Capture:
    """A `capture` line: everything in and below the directory goes to one handler."""

    handler: str
    in_root: bool


@dataclass(slots=True)
class Config:
    """One configuration file, with what it includes. Filled by the parser, then only read.

    `directory` is that of a `.htrc` file; None for the files that are read at start. `sources` are
    all files that were read, or should have been. `complaints` are about what was left out.
    """

    directory: str | None
    sources: list[str] = field(default_factory=list)
    index_files: tuple[str, ...] | None = None
    dot_allow: list[re.Pattern[str]] = field(default_factory=list)
    handlers: dict[str, Handler] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    capture: Capture | None = None
    complaints: list[ConfigError] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file itself, as opposed to those that it includes."""
        return self.sources[0]

    def complain(self, line: Line, reason: str) -> None:
        """Note that something at a line was left out."""
        self.complaints.append(ConfigError(line.file, line.number, reason))

    def arguments(self, line: Line, least: int, most: float, form: str) -> tuple[str, ...]:
        """Return a line's arguments; too few are an error, too many are cut with a complaint."""
        arguments = line.arguments
        if len(arguments) < least:
            line.fail(f"this should be: {form}")
        if len(arguments) <= most:
            return arguments
        self.complain(line, f"this should be: {form}; the words after that are ignored")
        return arguments[: int(most)]

    def new_handler(self, name: str, argv: tuple[str, ...], *, persistent: bool) -> Handler:
        """Return a handler that is declared in this file, or in one that it includes."""
        return Handler(name, argv, persistent, self.directory or "", self.file)

    def sees(self, path: str) -> str:
        """Return a path as this file's patterns see it: relative to its directory."""
        if not self.directory:
            return path or "."
        return path.removeprefix(self.directory).removeprefix("/") or "."


Configs = tuple[Config, ...]
"""The configurations that are valid for a file, the nearest first."""


def choose(
    configs: Iterable[Config], subject: Subject, path: str, passed: Collection[Match] = ()
) -> Match | None:
    """Return the stanza that holds: the nearest file's first; a `default` one only if no other.

    Those in `passed` don't count.
    """
    name = path.rpartition("/")[2] or "."
    fallback = None
    for config in configs:
        seen = config.sees(path)
        for match in config.matches:
            if match.subject is not subject or match in passed:
                continue
            if not all(rule(name, seen) for rule in match.rules):
                continue
            if not match.default:
                return match
            fallback = fallback or match
    return fallback


def find_handler(configs: Iterable[Config], name: str) -> Handler | None:
    """Return the nearest handler of this name."""
    return next((c.handlers[name] for c in configs if name in c.handlers), None)


def index_files(configs: Iterable[Config]) -> tuple[str, ...]:
    """Return the names to try in a directory: those of the nearest file that has any."""
    return next((c.index_files for c in configs if c.index_files is not None), ())


def allows_dot(configs: Iterable[Config], name: str) -> bool:
    """Tell whether a name that starts with a dot may be served."""
    return any(pattern.fullmatch(name) for c in configs for pattern in c.dot_allow)
