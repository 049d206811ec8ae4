"""What applications of tests/applications/misbehaving say of themselves, and what they use.

Each is one module there: a docstring (what it does wrong), `shows` (what comes of it), and
`application`. `docs/misbehaving.md` is made of these.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

FOLDER = Path(__file__).parents[2] / "applications"
PACKAGE = "misbehaving"

FAILED = "the application failed"

Environ = dict[str, Any]
Start = Callable[..., Any]
"""`start_response`."""


@dataclass(frozen=True)
class Page:
    """An error page of the server's own."""

    status: int = 500

    def __str__(self) -> str:
        return f"a {self.status} page"


@dataclass(frozen=True)
class Whole:
    """A response in full."""

    body: bytes
    status: int = 200

    def __str__(self) -> str:
        size = len(self.body)
        body = f"`{self.body.decode()}`" if 0 < size < 40 else f"{size:,} bytes"
        return f"{self.status} and {'no body' if not size else body}"


@dataclass(frozen=True)
class Cut:
    """The beginning of a response; then its connection is cut."""

    begun: bytes

    def __str__(self) -> str:
        return "200 and the beginning of the body; then the connection is cut"


@dataclass(frozen=True)
class Endless:
    """A response without end, to which the client listens for a while."""

    def __str__(self) -> str:
        return "200 and a body, for as long as it listens"


@dataclass(frozen=True)
class Nothing:
    """No answer, for as long as the client waits."""

    def __str__(self) -> str:
        return "nothing, for as long as it waits"


Seen = Page | Whole | Cut | Endless | Nothing


@dataclass(frozen=True, kw_only=True)
class Shows:
    """What comes of an application that misbehaves.

    Attributes:
        client: what the client sees.
        log: texts that one record of the log about the request has, all of them; none: no record.
        prints: what stands in the log besides, without the name of the request.
        method, body: of the request.
        cycle: whether the request's memory is freed by the garbage collector only.
        ends: whether the process ends, and another takes its place.
    """

    client: Seen
    log: tuple[str, ...] = ()
    prints: str = ""
    method: str = "GET"
    body: bytes = b""
    cycle: bool = False
    ends: bool = False


def names() -> list[str]:
    """Return the names of all applications that misbehave."""
    return sorted(path.stem for path in (FOLDER / PACKAGE).glob("*.py"))


def load(name: str) -> ModuleType:
    """Import one; `FOLDER` has to be on Python's path."""
    return importlib.import_module(f"{PACKAGE}.{name}")


class Pieces:
    """An iterable of bytes that counts how often each was made and closed."""

    made: ClassVar[Counter[str]] = Counter()
    closed: ClassVar[Counter[str]] = Counter()
    _lock = threading.Lock()

    def __init__(self, name: str, pieces: Iterable[Any] = ()) -> None:
        """Give `pieces`; `name` is the application's."""
        self._name = name
        self._pieces = pieces
        with self._lock:
            self.made[name] += 1

    def __iter__(self) -> Iterator[Any]:
        return iter(self._pieces)

    def close(self) -> None:
        """Count."""
        with self._lock:
            self.closed[self._name] += 1

    @classmethod
    def unequal(cls) -> dict[str, tuple[int, int]]:
        """Return those that weren't closed as often as they were made, and how often that was."""
        with cls._lock:
            return {
                name: (count, cls.closed[name])
                for name, count in cls.made.items()
                if count != cls.closed[name]
            }


DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "misbehaving.md"
_HEAD = "| what the application does | what its client gets | what the log says |"
_BEGIN = f"{_HEAD}\n| --- | --- | --- |\n"


def rows() -> list[str]:
    """Return the rows of the table in the documentation."""
    return [_row(load(name)) for name in names()]


def _row(module: ModuleType) -> str:
    shows: Shows = module.shows
    does = " ".join((module.__doc__ or "").split()).rstrip(".")
    texts = [text.strip() for text in (*shows.log, shows.prints) if text]
    log = "; ".join("the failure" if text == FAILED else f"`{text}`" for text in texts)
    cells = (does, str(shows.client), log or "nothing")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def document() -> str:
    """Return the document with its table made anew."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, after = text.partition(_BEGIN)
    rest = after[after.index("\n\n") :] if "\n\n" in after else "\n"
    return before + begin + "\n".join(rows()) + rest


if __name__ == "__main__":
    sys.path.append(str(FOLDER))
    DOCUMENT.write_text(document(), encoding="utf-8")
