"""Raw requests and what becomes of them: `tests/htparser/corpus/*.toml` (see CONTRIBUTING.md).

Text stands for bytes, in latin-1: each character is one byte.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ashd.htparser._errors import RequestError
from ashd.htparser._limits import MAX_CHUNK_LINE, MAX_TRAILERS, Limits

from .requests import Outcome, Received

FOLDER = Path(__file__).parents[2] / "htparser" / "corpus"
NEAR = 40
"""More than the reader looks at together: its window on the beginning of a request is 32 bytes."""
LIMITED = (MAX_CHUNK_LINE, MAX_TRAILERS, Limits().target_size, Limits().head_size)
PLAIN: dict[str, Any] = {
    "method": b"GET",
    "url": b"/",
    "version": b"HTTP/1.1",
    "rest": b"",
    "headers": [(b"Host", b"a")],
    "body": b"",
    "keep_alive": True,
    "expects_continue": False,
    "whole": True,
}
"""What is passed on of `GET / HTTP/1.1` with the header `Host: a`. A case tells what differs."""
KEYS = {"source", "request", "passed", "status", "unfinished"}


@dataclass(frozen=True, slots=True)
class Case:
    """A stream of one client, and what the front end makes of it."""

    name: str
    source: str
    """The section of an RFC that rules on it, then those who broke the rule (CVE)."""
    parts: list[tuple[bytes, int]]
    """Bytes, and how often they come."""
    passed: list[dict[str, Any]]
    """What is passed on, in full (see `PLAIN`)."""
    status: int | None
    """The refusal of what comes after that, if it is refused."""
    unfinished: bool
    """Whether it ends inside of a request, so that it means something else if more follows."""

    @property
    def data(self) -> bytes:
        return b"".join(part * count for part, count in self.parts)

    def places(self) -> list[int]:
        """Tell where a stream is to be cut so that every cut that could matter is among them.

        That is everywhere, except inside of what is repeated often. There the reader, which looks
        at `NEAR` bytes together at most, sees the same wherever it is cut, unless that is where a
        limit is reached, counted from the beginning of the stream or of what is repeated.
        """
        found: set[int] = set()
        begin = 0
        for part, count in self.parts:
            end = begin + len(part) * count
            near = max(NEAR, 2 * len(part))
            found.update(range(begin, min(end, begin + near)), range(max(begin, end - near), end))
            for place in (start + limit for limit in LIMITED for start in (0, begin)):
                found.update(range(max(begin, place - 2), min(end, place + 3)))
            begin = end
        return sorted(found)


def read_cases(path: Path) -> list[Case]:
    """Read a file of cases."""
    content = tomllib.loads(path.read_text(encoding="ascii"))
    source = content.pop("source")
    return [_case(name, source, value) for name, value in content.items()]


def all_cases() -> dict[str, Case]:
    """Return the whole corpus, by name."""
    return {case.name: case for path in paths() for case in read_cases(path)}


def paths() -> list[Path]:
    """Return the files of the corpus."""
    return sorted(FOLDER.glob("*.toml"))


def observed(outcome: Outcome) -> tuple[list[dict[str, Any]], int | None]:
    """Return what a case tells of an outcome: what was passed on, and the status of a refusal."""
    status = outcome.refusal.status if isinstance(outcome.refusal, RequestError) else None
    return [_fields(received) for received in outcome.requests], status


def _fields(received: Received) -> dict[str, Any]:
    head, body, whole = received
    fields = {name: getattr(head, name) for name in PLAIN if name not in ("body", "whole")}
    return fields | {"body": body, "whole": whole}


def _case(name: str, source: str, value: dict[str, Any]) -> Case:
    unknown = value.keys() - KEYS
    assert not unknown, f"{name}: unknown {unknown}"
    parts = value["request"] if isinstance(value["request"], list) else [value["request"]]
    return Case(
        name,
        value.get("source", source),
        [
            (part.encode("latin-1"), 1)
            if isinstance(part, str)
            else (part[0].encode("latin-1"), part[1])
            for part in parts
        ],
        [_passed(fields) for fields in value.get("passed", [])],
        value.get("status"),
        value.get("unfinished", False),
    )


def _passed(fields: dict[str, Any]) -> dict[str, Any]:
    assert fields.keys() <= PLAIN.keys(), f"unknown: {fields.keys() - PLAIN.keys()}"
    return PLAIN | {name: _value(name, value) for name, value in fields.items()}


def _value(name: str, value: Any) -> Any:
    if name == "headers":
        return [
            (_bytes(field[0]), _bytes(field[1]))
            for field in value
            for _ in range(field[2] if len(field) > 2 else 1)
        ]
    return value if isinstance(value, bool) else _bytes(value)


def _bytes(value: str | list[Any]) -> bytes:
    """Return bytes of text, or of a list of text and of `[text, count]`."""
    if isinstance(value, str):
        return value.encode("latin-1")
    parts = ((part, 1) if isinstance(part, str) else part for part in value)
    return b"".join(text.encode("latin-1") * count for text, count in parts)
