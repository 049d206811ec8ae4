"""The second layer of the configuration language: what the stanzas mean.

`parse` reads a file and those that it includes. Each directive, and each kind of line in a stanza,
is an entry in a table.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
from collections.abc import Callable
from pathlib import Path

from ._config import Capture, Config
from ._errors import ConfigError
from ._lines import Stanza, stanzas
from ._match import compile_patterns, parse_match

MAX_INCLUDE_DEPTH = 16
"""Beyond this depth, files include one another without end."""

MAX_DIRECTORY_FILE = 1 << 20
"""Bytes of a `.htrc`, and of each file that one includes: anybody may have written it, and reading
it holds up all requests."""

_Directive = Callable[[Config, Stanza, int], None]


def parse(file: str, directory: str | None = None) -> Config:
    """Read the configuration in `file`; `directory` is given for a `.htrc`, relative to the root.

    A mistake that doesn't change the meaning of the rest is left out, with a complaint. Raises
    `ConfigError` with file, line and reason for any other.
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
    """Return the content of a file. A `.htrc` may be anybody's, so it must not block us."""
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


def _include(config: Config, stanza: Stanza, depth: int) -> None:
    head = stanza.head
    if depth >= MAX_INCLUDE_DEPTH:
        head.fail(f"files include one another more than {MAX_INCLUDE_DEPTH} deep")
    base = Path(head.file).parent
    for pattern in config.arguments(head, 1, float("inf"), "include GLOB..."):
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
    config.dot_allow += compile_patterns(config, stanza.head, pathname=False)


def _handler(config: Config, stanza: Stanza, _: int) -> None:
    kind = stanza.head.keyword
    (name,) = config.arguments(stanza.head, 1, 1, f"{kind} NAME")
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
    argv = config.arguments(programs[0], 1, float("inf"), "exec PROGRAM [ARGS...]")
    if name in config.handlers:
        stanza.head.fail(f"there is a handler {name!r} in this configuration already")
    config.handlers[name] = config.new_handler(name, argv, persistent=kind == "child")


def _capture(config: Config, stanza: Stanza, _: int) -> None:
    if config.directory is None:
        stanza.head.fail("capture works in .htrc files only")
    name, *flags = config.arguments(stanza.head, 1, 2, "capture HANDLER [D]")
    if flags not in ([], ["D"]):
        stanza.head.fail(f"unknown flags {flags[0]!r} of capture; there is only D")
    config.capture = Capture(name, bool(flags))


_DIRECTIVES: dict[str, _Directive] = {
    "include": _include,
    "index-file": _index_file,
    "dot-allow": _dot_allow,
    "child": _handler,
    "fchild": _handler,
    "match": parse_match,
    "capture": _capture,
}
_WITH_BODY = ("child", "fchild", "match")
