"""The `match` stanza: rules, an action, and headers. Each kind of line is an entry in a table."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ._config import Config, Handler, Match, Rule, Subject
from ._lines import Line, Stanza
from ._patterns import compile_pattern

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(slots=True)
class _Found:
    """What the lines of a stanza have said so far."""

    rules: list[Rule] = field(default_factory=list)
    actions: list[str | Handler | None] = field(default_factory=list)
    headers: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    default: bool = False


_Add = Callable[[_Found, Config, Line], None]


def parse_match(config: Config, stanza: Stanza, _: int) -> None:
    """Add a stanza's `Match` to the configuration; raises `ConfigError`."""
    (kind,) = config.arguments(stanza.head, 0, 1, "match [directory|notfound]") or ("file",)
    if kind not in _SUBJECTS:
        stanza.head.fail(f"unknown type {kind!r} of match; there are directory and notfound")
    found = _Found()
    for line in stanza.body:
        add = _LINES.get(line.keyword)
        if add is None:
            line.fail(f"unknown line {line.keyword!r} in match; there are {', '.join(_LINES)}")
        add(found, config, line)
    if not found.rules and not found.default:
        stanza.head.fail("match needs a rule: filename, pathname, local, all or default")
    if len(found.actions) != 1:
        stanza.head.fail(
            "match needs exactly one action: handler NAME, fork PROGRAM [ARGS...] or reparse"
        )
    headers = tuple(found.headers.values())
    config.matches.append(
        Match(Subject(kind), tuple(found.rules), found.default, found.actions[0], headers)
    )


def compile_patterns(config: Config, line: Line, *, pathname: bool) -> list[re.Pattern[str]]:
    """Return the patterns of a line; raises `ConfigError`."""
    try:
        return [
            compile_pattern(pattern, pathname=pathname)
            for pattern in config.arguments(line, 1, float("inf"), f"{line.keyword} PATTERN...")
        ]
    except ValueError as error:
        line.fail(str(error))


def _filename(found: _Found, config: Config, line: Line) -> None:
    patterns = compile_patterns(config, line, pathname=False)
    found.rules.append(lambda name, _: any(pattern.fullmatch(name) for pattern in patterns))


def _pathname(found: _Found, config: Config, line: Line) -> None:
    patterns = compile_patterns(config, line, pathname=True)
    found.rules.append(lambda _, seen: any(pattern.fullmatch(seen) for pattern in patterns))


def _local(found: _Found, config: Config, line: Line) -> None:
    config.arguments(line, 0, 0, "local")
    if config.directory is None:
        line.fail("local works in .htrc files only")
    found.rules.append(lambda _, seen: "/" not in seen)


def _all(found: _Found, config: Config, line: Line) -> None:
    config.arguments(line, 0, 0, "all")
    found.rules.append(lambda _, __: True)


def _default(found: _Found, config: Config, line: Line) -> None:
    config.arguments(line, 0, 0, "default")
    found.default = True


def _handler(found: _Found, config: Config, line: Line) -> None:
    found.actions += config.arguments(line, 1, 1, "handler NAME")


def _fork(found: _Found, config: Config, line: Line) -> None:
    argv = config.arguments(line, 1, float("inf"), "fork PROGRAM [ARGS...]")
    found.actions.append(config.new_handler(argv[0], argv, persistent=False))


def _reparse(found: _Found, config: Config, line: Line) -> None:
    config.arguments(line, 0, 0, "reparse")
    found.actions.append(None)


def _set(prefix: str) -> _Add:
    def add(found: _Found, config: Config, line: Line) -> None:
        name, value = config.arguments(line, 2, 2, f"{line.keyword} HEADER VALUE")
        if not _HEADER_NAME.fullmatch(name):
            line.fail(f"{name!r} can't be the name of a header")
        if not value.isprintable():
            line.fail("there are control characters in the header's value")
        header = (prefix + name).encode("ascii")
        found.headers.setdefault(header.lower(), (header, os.fsencode(value)))

    return add


_SUBJECTS = {subject.value for subject in Subject}
_LINES: dict[str, _Add] = {
    "filename": _filename,
    "pathname": _pathname,
    "local": _local,
    "all": _all,
    "default": _default,
    "handler": _handler,
    "fork": _fork,
    "reparse": _reparse,
    "set": _set(""),
    "xset": _set("X-Ash-"),
}
