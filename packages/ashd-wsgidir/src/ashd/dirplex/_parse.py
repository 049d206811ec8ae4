"""The second layer of the configuration language: what the stanzas mean.

`parse` reads a file and all that it includes. Each directive and each line of a stanza is one entry
of a table.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from pathlib import Path

from ._config import Capture, Config, Handler, Match, Rule, Subject
from ._errors import ConfigError
from ._lines import Line, Stanza, stanzas
from ._patterns import compile_pattern

MAX_INCLUDE_DEPTH = 16
"""Files that include one another without end are an error, not a full memory."""

_Directive = Callable[[Config, Stanza, int], None]


def parse(file: str, directory: str | None = None) -> Config:
    """Read the configuration in `file`; `directory` is given for a `.htrc`, relative to the root.

    Raises `ConfigError` with file, line and reason.
    """
    config = Config(directory)
    _read_into(config, file, 0)
    return config


def _read_into(config: Config, file: str, depth: int) -> None:
    config.sources.append(file)
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(file, None, f"it can't be read: {error.strerror}") from error
    for stanza in stanzas(file, text):
        directive = _DIRECTIVES.get(stanza.head.keyword)
        if directive is None:
            known = ", ".join(_DIRECTIVES)
            stanza.head.fail(f"unknown directive {stanza.head.keyword!r}; there are {known}")
        if stanza.body and stanza.head.keyword not in _WITH_BODY:
            stanza.body[0].fail(f"{stanza.head.keyword} takes no lines below it")
        directive(config, stanza, depth)


def _include(config: Config, stanza: Stanza, depth: int) -> None:
    head = stanza.head
    if depth >= MAX_INCLUDE_DEPTH:
        head.fail(f"files include one another more than {MAX_INCLUDE_DEPTH} deep")
    base = Path(head.file).parent
    for pattern in head.expect(1, float("inf"), "include GLOB..."):
        found = sorted(glob.glob(str(base / pattern)))  # noqa: PTH207 - it takes absolute patterns
        if not found and not glob.has_magic(pattern):
            head.fail(f"there is no file {pattern}")
        for file in found:
            _read_into(config, file, depth + 1)


def _index_file(config: Config, stanza: Stanza, _: int) -> None:
    config.index_files = stanza.head.arguments


def _dot_allow(config: Config, stanza: Stanza, _: int) -> None:
    config.dot_allow += _patterns(stanza.head, pathname=False)


def _handler(config: Config, stanza: Stanza, _: int) -> None:
    kind = stanza.head.keyword
    (name,) = stanza.head.expect(1, 1, f"{kind} NAME")
    if len(stanza.body) != 1 or stanza.body[0].keyword != "exec":
        stanza.head.fail(f"{kind} needs exactly one line below it: exec PROGRAM [ARGS...]")
    argv = stanza.body[0].expect(1, float("inf"), "exec PROGRAM [ARGS...]")
    if name in config.handlers:
        stanza.head.fail(f"there is a handler {name!r} in this configuration already")
    config.handlers[name] = _new_handler(config, name, argv, persistent=kind == "child")


def _capture(config: Config, stanza: Stanza, _: int) -> None:
    if config.directory is None:
        stanza.head.fail("capture works in .htrc files only")
    name, *flags = stanza.head.expect(1, 2, "capture HANDLER [D]")
    if flags not in ([], ["D"]):
        stanza.head.fail(f"unknown flags {flags[0]!r} of capture; there is only D")
    config.capture = Capture(name, bool(flags))


def _match(config: Config, stanza: Stanza, _: int) -> None:
    (kind,) = stanza.head.expect(0, 1, "match [directory|notfound]") or ("file",)
    if kind not in _SUBJECTS:
        stanza.head.fail(f"unknown type {kind!r} of match; there are directory and notfound")
    rules: list[Rule] = []
    actions: list[str | Handler] = []
    headers = []
    default = False
    for line in stanza.body:
        if line.keyword in _RULES:
            rules.append(_RULES[line.keyword](config, line))
        elif line.keyword in _ACTIONS:
            actions.append(_ACTIONS[line.keyword](config, line))
        elif line.keyword in _HEADER_PREFIXES:
            headers.append(_header(line))
        elif line.keyword == "default":
            line.expect(0, 0, "default")
            default = True
        else:
            line.fail(
                f"unknown line {line.keyword!r} in match; there are {', '.join(_MATCH_LINES)}"
            )
    if not rules and not default:
        stanza.head.fail("match needs a rule: filename, pathname, local or default")
    if len(actions) != 1:
        stanza.head.fail("match needs exactly one action: handler NAME or fork PROGRAM [ARGS...]")
    config.matches.append(Match(Subject(kind), tuple(rules), default, actions[0], tuple(headers)))


def _filename(_: Config, line: Line) -> Rule:
    patterns = _patterns(line, pathname=False)
    return lambda name, _: any(pattern.fullmatch(name) for pattern in patterns)


def _pathname(_: Config, line: Line) -> Rule:
    patterns = _patterns(line, pathname=True)
    return lambda _, seen: any(pattern.fullmatch(seen) for pattern in patterns)


def _local(config: Config, line: Line) -> Rule:
    line.expect(0, 0, "local")
    if config.directory is None:
        line.fail("local works in .htrc files only")
    return lambda _, seen: "/" not in seen


def _patterns(line: Line, *, pathname: bool) -> list[re.Pattern[str]]:
    try:
        return [
            compile_pattern(pattern, pathname=pathname)
            for pattern in line.expect(1, float("inf"), f"{line.keyword} PATTERN...")
        ]
    except ValueError as error:
        line.fail(str(error))


def _handler_name(_: Config, line: Line) -> str:
    (name,) = line.expect(1, 1, "handler NAME")
    return name


def _fork(config: Config, line: Line) -> Handler:
    argv = line.expect(1, float("inf"), "fork PROGRAM [ARGS...]")
    return _new_handler(config, argv[0], argv, persistent=False)


def _new_handler(config: Config, name: str, argv: tuple[str, ...], *, persistent: bool) -> Handler:
    return Handler(name, argv, persistent, config.directory or "", config.file)


def _header(line: Line) -> tuple[bytes, bytes]:
    name, value = line.expect(2, 2, f"{line.keyword} HEADER VALUE")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        line.fail(f"{name!r} is no name of a header")
    if not value.isprintable():
        line.fail("there are control characters in the header's value")
    return (_HEADER_PREFIXES[line.keyword] + name).encode("ascii"), os.fsencode(value)


_SUBJECTS = {subject.value for subject in Subject}
_HEADER_PREFIXES = {"set": "", "xset": "X-Ash-"}
_RULES: dict[str, Callable[[Config, Line], Rule]] = {
    "filename": _filename,
    "pathname": _pathname,
    "local": _local,
}
_ACTIONS: dict[str, Callable[[Config, Line], str | Handler]] = {
    "handler": _handler_name,
    "fork": _fork,
}
_MATCH_LINES = [*_RULES, "default", *_ACTIONS, *_HEADER_PREFIXES]
_DIRECTIVES: dict[str, _Directive] = {
    "include": _include,
    "index-file": _index_file,
    "dot-allow": _dot_allow,
    "child": _handler,
    "fchild": _handler,
    "match": _match,
    "capture": _capture,
}
_WITH_BODY = ("child", "fchild", "match")
