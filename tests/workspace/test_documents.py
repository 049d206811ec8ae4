"""Each block of code in the documents is tried here, and each link followed.

Programs that a guide builds up are run by `tests/integration/test_docs.py` and others; the first
steps by the session `docs`.
"""

from __future__ import annotations

import ast
import importlib
import json
import queue
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from ashd.dirplex import parse
from ashd.dirplex.__main__ import _parser as dirplex_parser
from ashd.htparser._options import parse_options as parse_htparser
from ashd.pdm import srv
from ashd.pdm.command._parser import SUBCOMMANDS
from ashd.pdm.command._parser import make_parser as pdm_parser
from ashd.wsgi._bind import portspec
from ashd.wsgi._options import parse_options as parse_wsgi
from ashdtest.cases import about
from ashdtest.documents import (
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    inline_commands,
    links,
    local_target,
    pages,
    prose,
)
from ashdtest.manual._commands import COMMANDS

BLOCKS = [block for page in pages() for block in blocks(page)]
WRITTEN_OUT = {"text", "console", "sh", "apache", "patplex", "nginx"}
"""Diagrams, what the first steps do, and files of other programs."""

OTHERS = {"python3", "pip", "curl", "nox", "source", "", "gunicorn", "websockets", "pytest"}
OTHERS |= {"django-admin", "export", "htparser", "systemctl", "man", "chmod", "journalctl"}
OTHERS |= {"apt", "sudo", "ip", "podman", "kubectl"}
"""Programs of others that our documents tell to run."""

SOCKET = "/run/mydaemon/debug.sock"
VAGUE = ("...", "[", "PORTSPEC", "COMMAND", "SHELL")
"""What shows that a command line is not whole: its options count, its arguments don't."""


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_says_what_it_is() -> None:
    known = WRITTEN_OUT | {"shell", "python", "toml", "json", "ini", "dirplex"}
    unknown = [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in known]
    assert [name for name in unknown if "'{" not in name] == []


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the examples take for granted."""
    known = {"queue": queue.Queue(), "pause": print, "cache": {}, "current_jobs": {}}
    with srv.listen(str(tmp_path / "debug.sock")):
        yield {"__name__": "example", **known}


def test_python(namespace: dict[str, Any], tmp_path: Path) -> None:
    for block in of("python"):
        source = block.text.replace(SOCKET, str(tmp_path / "debug.sock"))
        code = compile(source, str(block), "exec")
        _check_imports(block)
        if block.run:
            exec(code, namespace.copy())


def _check_imports(block: Block) -> None:
    """See that what is imported of ours exists."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ashd."):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                assert hasattr(module, name.name), f"{block}: {node.module} has no {name.name}"


def test_data(tmp_path: Path) -> None:
    for block in of("toml"):
        tomllib.loads(block.text)
    for block in of("json"):
        json.loads(block.text)
    for block in of("ini"):
        ConfigParser(interpolation=None).read_string(block.text)
    for block in of("dirplex"):
        file = tmp_path / "site.rc"
        file.write_text(block.text, encoding="utf-8")
        assert parse(str(file), ".").complaints == [], str(block)


# Commands


def _wsgi(words: list[str]) -> None:
    options = parse_wsgi(words[0], words[1:], scgi=words[0] == "scgi-wsgi")
    for address in options.bind:
        portspec(address)
    if options.front_end:
        _htparser([*shlex.split(options.front_end), "plain", "--", "handler"])


def _htparser(words: list[str]) -> None:
    # Certificates are read by the parser, and aren't here.
    words = ["plain" if word.startswith("ssl:cert=/etc/") else word for word in words]
    _try(parse_htparser(words).command)


PARSERS: dict[str, Callable[[list[str]], object]] = {
    "ashd-wsgi": lambda words: _wsgi(["ashd-wsgi", *words]),
    "ashd-wsgi3": lambda words: _wsgi(["ashd-wsgi3", *words]),
    "scgi-wsgi": lambda words: _wsgi(["scgi-wsgi", *words]),
    "ashd-htparser": _htparser,
    "ashd-dirplex": lambda words: dirplex_parser().parse_args(words),
    "ashd-pdm": lambda words: pdm_parser().parse_args(words),
}

FLAGS = {
    command.name: {flag for option in command.options for flag in option.flags}
    for command in COMMANDS
}
FLAGS["ashd-wsgi3"] = FLAGS["ashd-wsgi"]
FLAGS["ashd-pdm"] = {flag for one in SUBCOMMANDS for word in one.words for flag in word.flags}


def _try(words: list[str]) -> None:
    """Let the parser of a command see its command line."""
    name = Path(words[0]).name
    if name not in PARSERS:
        return
    if any(vague in word for vague in VAGUE for word in words):
        _check_flags(words)
    else:
        PARSERS[name](words[1:])


def _check_flags(words: list[str]) -> None:
    """See that a command has the options that are named; its arguments aren't looked at."""
    known = FLAGS[Path(words[0]).name]
    for word in words[1:]:
        if word in ("--", "...", "ashd.wsgidir"):  # what follows is for others
            break
        name = word.strip("[]").partition("=")[0]
        assert not name.startswith("-") or name in known | {"--help"}, f"there is no {name}"


def test_commands_are_known_and_their_options_valid() -> None:
    for block in of("shell"):
        for words in commands(block.text):
            with about(f"{block}: {shlex.join(words)}"):
                assert Path(words[0]).name in PARSERS.keys() | OTHERS
                _try(words)


def test_options_in_sentences_exist() -> None:
    for page in pages():
        for words in inline_commands(page, set(FLAGS)):
            with about(f"{page}: {shlex.join(words)}"):
                _check_flags(words)


# Links


def test_links_lead_somewhere() -> None:
    broken = []
    for page in pages():
        for link in links(page):
            if not (found := local_target(page, link)):
                continue
            target, anchor = found
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []


def test_every_page_of_the_site_is_in_a_table_of_contents() -> None:
    docs = ROOT / "docs"
    listed = {docs / "index.md"}
    for page in docs.rglob("*.md"):
        for block in blocks(page):
            if block.language == "{toctree}":
                names = [line for line in block.text.split("\n") if line and line[0] != ":"]
                listed |= {
                    (docs if name[0] == "/" else page.parent) / f"{name.strip('/')}.md"
                    for name in names
                }
    assert set(docs.rglob("*.md")) == listed


# Words

PLAINER = {
    r"\bis no (number|file|name|valid)\b": "isn't a ...",
    r"\bshall\b": "must, or will",
    r"\b[Ww]hoever\b": "anyone who",
    r"\bin order to\b": "to",
    r"\butili[sz]e": "use",
    r"\bfor ever\b": "forever",
    r"\b(mourn|bury|buries)": "a plain word",
    r"\b(\w{2,}) \1\b": "the word once",
    r"\b(simply|just) (run|use|add|type)\b": "leave it out",
    r"\be\.g\.|\bi\.e\.|\betc\.": "for example, that is, and so on",
}
"""What stands in the way of readers, and what to write in its place."""


def test_words_are_plain() -> None:
    found = [
        f"{page.relative_to(ROOT)}: {match[0]!r}: {better}"
        for page in pages()
        for pattern, better in PLAINER.items()
        for match in re.finditer(pattern, prose(page))
    ]
    assert found == []
