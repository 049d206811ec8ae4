"""The project's documents: their blocks of code, the commands in these, and their links.

    for page in pages():
        for block in blocks(page): ...
        for link in links(page): ...

Lines that are indented by four spaces are commands of a shell; everything else is fenced, and says
what it is. `<!-- not run: REASON -->` above a block of Python says that it only compiles here.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
_PLACES = ["*.md", "packages/*/README.md", "docs/**/*.md", "examples/**/*.md"]
_PLACES += ["tests/support/README.md", "benchmarks/README.md"]
_VARIABLE = re.compile(r"\w+=")
_MARK = re.compile(r"<!-- not run: .+ -->")
_FENCE = re.compile(r" *```(.*)")
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
_CODE = re.compile(r"(?ms)^ *```.*?^ *```$|``.+?``|`[^`\n]+`")
_HEADING = re.compile(r"(?m)^#+ (.+)$")
_DIRECTIVE = re.compile(r"\{(\w[\w-]*)\} ?(.*)")


class Block(NamedTuple):
    """A block of code; `language` is `shell` for indented lines."""

    page: Path
    line: int
    language: str
    text: str
    run: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return all documents but changelogs."""
    found = {path for place in _PLACES for path in ROOT.glob(place)}
    return sorted(found)


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a document."""
    lines = page.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        start, run = number, not _MARK.fullmatch(lines[number - 1].strip())
        if fence := _FENCE.fullmatch(lines[number]):
            number = _end(lines, number)
            text = _dedented(lines[start + 1 : number])
            yield Block(page, start + 1, fence[1], text, run)
        elif lines[number].startswith("    ") and _begins_a_block(lines, number):
            while number < len(lines) and lines[number].startswith("    "):
                number += 1
            yield Block(page, start + 1, "shell", _dedented(lines[start:number]), run)
        number += 1


def _end(lines: list[str], start: int) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == "```":
            return number
    raise AssertionError(f"a block that begins in line {start + 1} has no end")


def _begins_a_block(lines: list[str], number: int) -> bool:
    """Tell code from a list's text that goes on: that is no code for Markdown either."""
    before = lines[number - 1] if number else ""
    return not before.strip() or before.startswith(("#", "```"))


def _dedented(lines: list[str]) -> str:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "".join(f"{line[indent:]}\n" for line in lines)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command in lines of a shell."""
    for line in text.replace("\\\n", " ").split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in (";", "&", "&&", "|", "||"):
                if words:
                    yield words[: words.index(">")] if ">" in words else words
                words = []
            elif not words and _VARIABLE.match(word):
                continue
            else:
                words.append(word)


def inline_commands(page: Path, programs: set[str]) -> Iterator[list[str]]:
    """Yield the words of each command of these programs that stands inside of a sentence."""
    text = page.read_text(encoding="utf-8")
    for found in re.findall(r"(?<!`)`([\w-]+ [^`\n]+)`", text):
        if found.split()[0] in programs:
            try:
                yield shlex.split(found, comments=True)
            except ValueError:  # a part of a command
                continue


def links(page: Path) -> Iterator[str]:
    """Yield the targets of all links, pictures and files that are included."""
    text = page.read_text(encoding="utf-8")
    for first, second in _LINK.findall(_CODE.sub("", text)):
        yield first or second
    for block in blocks(page):
        if (found := _DIRECTIVE.fullmatch(block.language)) and found[2]:
            yield found[2]


def local_target(page: Path, link: str) -> tuple[Path, str] | None:
    """Return the file and anchor that a link leads to; None if that isn't in the repository."""
    path, _, anchor = link.partition("#")
    for kind in ("blob", "raw"):
        path = path.replace(f"{published_at()}/{kind}/main/", f"{ROOT}/")
    if "://" in path or path.startswith("mailto:"):
        return None
    return (page.parent / path).resolve() if path else page, anchor


def published_at() -> str:
    """Return the address of the repository."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["tool"]["workspace"]["url"])


def anchors(page: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def prose(page: Path) -> str:
    """Return a document without code and targets of links; lines keep their numbers."""
    text = re.sub(r"(?m)^    .*$", "", page.read_text(encoding="utf-8"))
    text = _CODE.sub(lambda code: "x" + "\n" * code[0].count("\n"), text)
    return re.sub(r"\]\([^)\s]*\)", "]", text)
