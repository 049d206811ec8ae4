"""The second layer of the configuration language: what the stanzas mean.

`parse` reads a file and all that it includes. Each directive and each line of a stanza is one entry
of a table.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from ._config import Capture, Config, Handler, Match, Rule, Subject
from ._errors import ConfigError
from ._lines import Line, Stanza, stanzas
from ._patterns import compile_pattern

MAX_INCLUDE_DEPTH = 16
"""Files that include one another without end are an error, not a full memory."""

MAX_DIRECTORY_FILE = 1 << 20
"""Bytes of a `.htrc`, and of each file that one includes: anybody may have written it, and reading
it holds up all requests."""

_Directive = Callable[[Config, Stanza, int], None]


def parse(file: str, directory: str | None = None) -> Config:
    """Read the configuration in `file`; `directory` is given for a `.htrc`, relative to the root.

    What can be left out without changing the meaning of the rest is left out, with a complaint.
    Raises `ConfigError` with file, line and reason for everything else.
    """
    config = Config(directory)
    config.sources.append(file)
    try:
        text = _content(config, file)
    except OSError as error:
        raise ConfigError(file, None, f"it can't be read: {error.strerror}") from error
    _read_stanzas(config, file, text, 0)
    return config


def _content(config: Config, file: str) -> bytes:
    """Return what is in a file. That of a directory may be anybody's, and must not block us."""
    if config.directory is None:
        return Path(file).read_bytes()
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with open(fd, "rb", closefd=False) as stream:
            text = stream.read(MAX_DIRECTORY_FILE + 1)
    finally:
        os.close(fd)
    if len(text) > MAX_DIRECTORY_FILE:
        raise OSError(errno.EFBIG, f"it has more than {MAX_DIRECTORY_FILE} bytes")
    return text


def _read_stanzas(config: Config, file: str, text: bytes, depth: int) -> None:
    for stanza in stanzas(file, text):
        keyword = stanza.head.keyword
        directive = _DIRECTIVES.get(keyword)
        if directive is None:
            known = ", ".join(_DIRECTIVES)
            config.complain(stanza.head, f"unknown directive {keyword!r}; there are {known}")
            continue
        if stanza.body and keyword not in _WITH_BODY:
            config.complain(stanza.body[0], f"{keyword} takes no lines below it; they are ignored")
        directive(config, stanza, depth)


def _arguments(config: Config, line: Line, least: int, most: float, form: str) -> tuple[str, ...]:
    """Return a line's arguments; too few are an error, too many are cut with a complaint."""
    arguments = line.arguments
    if len(arguments) < least:
        line.fail(f"this should be: {form}")
    if len(arguments) <= most:
        return arguments
    config.complain(line, f"this should be: {form}; the words after that are ignored")
    return arguments[: int(most)]


def _include(config: Config, stanza: Stanza, depth: int) -> None:
    head = stanza.head
    if depth >= MAX_INCLUDE_DEPTH:
        head.fail(f"files include one another more than {MAX_INCLUDE_DEPTH} deep")
    base = Path(head.file).parent
    for pattern in _arguments(config, head, 1, float("inf"), "include GLOB..."):
        found = sorted(glob.glob(str(base / pattern)))  # noqa: PTH207 - it takes absolute patterns
        if not found and not glob.has_magic(pattern):
            found = [str(base / pattern)]
        for file in found:
            config.sources.append(file)
            try:
                text = _content(config, file)
            except OSError as error:
                config.complain(head, f"{file} can't be included: {error.strerror}")
            else:
                _read_stanzas(config, file, text, depth + 1)


def _index_file(config: Config, stanza: Stanza, _: int) -> None:
    config.index_files = stanza.head.arguments


def _dot_allow(config: Config, stanza: Stanza, _: int) -> None:
    config.dot_allow += _patterns(config, stanza.head, pathname=False)


def _handler(config: Config, stanza: Stanza, _: int) -> None:
    kind = stanza.head.keyword
    (name,) = _arguments(config, stanza.head, 1, 1, f"{kind} NAME")
    programs = [line for line in stanza.body if line.keyword == "exec"]
    for line in stanza.body:
        if line.keyword != "exec":
            reason = f"unknown line {line.keyword!r} in {kind}; there is exec"
            if not programs:
                line.fail(f"{reason} PROGRAM [ARGS...]")
            config.complain(line, reason)
    if not programs:
        stanza.head.fail(f"{kind} needs a line below it: exec PROGRAM [ARGS...]")
    for line in programs[1:]:
        config.complain(line, f"{kind} takes one exec; this one is ignored")
    argv = _arguments(config, programs[0], 1, float("inf"), "exec PROGRAM [ARGS...]")
    if name in config.handlers:
        stanza.head.fail(f"there is a handler {name!r} in this configuration already")
    config.handlers[name] = _new_handler(config, name, argv, persistent=kind == "child")


def _capture(config: Config, stanza: Stanza, _: int) -> None:
    if config.directory is None:
        stanza.head.fail("capture works in .htrc files only")
    name, *flags = _arguments(config, stanza.head, 1, 2, "capture HANDLER [D]")
    if flags not in ([], ["D"]):
        stanza.head.fail(f"unknown flags {flags[0]!r} of capture; there is only D")
    config.capture = Capture(name, bool(flags))


def _match(config: Config, stanza: Stanza, _: int) -> None:
    (kind,) = _arguments(config, stanza.head, 0, 1, "match [directory|notfound]") or ("file",)
    if kind not in _SUBJECTS:
        stanza.head.fail(f"unknown type {kind!r} of match; there are directory and notfound")
    rules: list[Rule] = []
    actions: list[str | Handler | None] = []
    headers: dict[bytes, tuple[bytes, bytes]] = {}
    default = False
    for line in stanza.body:
        if line.keyword in _RULES:
            rules.append(_RULES[line.keyword](config, line))
        elif line.keyword in _ACTIONS:
            actions.append(_ACTIONS[line.keyword](config, line))
        elif line.keyword in _HEADER_PREFIXES:
            name, value = _header(config, line)
            headers.setdefault(name.lower(), (name, value))
        elif line.keyword == "default":
            _arguments(config, line, 0, 0, "default")
            default = True
        else:
            line.fail(
                f"unknown line {line.keyword!r} in match; there are {', '.join(_MATCH_LINES)}"
            )
    if not rules and not default:
        stanza.head.fail(f"match needs a rule: {', '.join(_RULES)} or default")
    if len(actions) != 1:
        stanza.head.fail(
            "match needs exactly one action: handler NAME, fork PROGRAM [ARGS...] or reparse"
        )
    config.matches.append(
        Match(Subject(kind), tuple(rules), default, actions[0], tuple(headers.values()))
    )


def _all(config: Config, line: Line) -> Rule:
    _arguments(config, line, 0, 0, "all")
    return lambda _, __: True


def _filename(config: Config, line: Line) -> Rule:
    patterns = _patterns(config, line, pathname=False)
    return lambda name, _: any(pattern.fullmatch(name) for pattern in patterns)


def _pathname(config: Config, line: Line) -> Rule:
    patterns = _patterns(config, line, pathname=True)
    return lambda _, seen: any(pattern.fullmatch(seen) for pattern in patterns)


def _local(config: Config, line: Line) -> Rule:
    _arguments(config, line, 0, 0, "local")
    if config.directory is None:
        line.fail("local works in .htrc files only")
    return lambda _, seen: "/" not in seen


def _patterns(config: Config, line: Line, *, pathname: bool) -> list[re.Pattern[str]]:
    try:
        return [
            compile_pattern(pattern, pathname=pathname)
            for pattern in _arguments(config, line, 1, float("inf"), f"{line.keyword} PATTERN...")
        ]
    except ValueError as error:
        line.fail(str(error))


def _handler_name(config: Config, line: Line) -> str:
    (name,) = _arguments(config, line, 1, 1, "handler NAME")
    return name


def _fork(config: Config, line: Line) -> Handler:
    argv = _arguments(config, line, 1, float("inf"), "fork PROGRAM [ARGS...]")
    return _new_handler(config, argv[0], argv, persistent=False)


def _reparse(config: Config, line: Line) -> None:
    _arguments(config, line, 0, 0, "reparse")


def _new_handler(config: Config, name: str, argv: tuple[str, ...], *, persistent: bool) -> Handler:
    return Handler(name, argv, persistent, config.directory or "", config.file)


def _header(config: Config, line: Line) -> tuple[bytes, bytes]:
    name, value = _arguments(config, line, 2, 2, f"{line.keyword} HEADER VALUE")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        line.fail(f"{name!r} can't be the name of a header")
    if not value.isprintable():
        line.fail("there are control characters in the header's value")
    return (_HEADER_PREFIXES[line.keyword] + name).encode("ascii"), os.fsencode(value)


_SUBJECTS = {subject.value for subject in Subject}
_HEADER_PREFIXES = {"set": "", "xset": "X-Ash-"}
_RULES: dict[str, Callable[[Config, Line], Rule]] = {
    "filename": _filename,
    "pathname": _pathname,
    "local": _local,
    "all": _all,
}
_ACTIONS: dict[str, Callable[[Config, Line], str | Handler | None]] = {
    "handler": _handler_name,
    "fork": _fork,
    "reparse": _reparse,
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
