"""How other programs read the corpus of raw requests: `tests/htparser/differences.toml`.

What stands there is the table of docs/reference/http-differences.md, with all cases.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ashd.htparser._syntax import is_ash

from . import h11reader
from .corpus import FOLDER, Case
from .nginxreader import NginxReader

DATA = FOLDER.parent / "differences.toml"
EXAMPLES = 3


class Way(Enum):
    """What another program makes of a stream, beside what the front end makes of it."""

    SAME = "the same"
    PASSES = "passes it on"
    REFUSES = "refuses it"
    WAITS = "waits for more"
    OTHERWISE = "reads it otherwise"


@dataclass(frozen=True, slots=True)
class Difference:
    """Cases that others read in another way, and the reason."""

    what: str
    ours: str
    h11: Way
    nginx: Way
    why: str
    cases: tuple[str, ...]

    def row(self) -> str:
        """Return its line in the table of the document."""
        names = ", ".join(f"`{name}`" for name in self.cases[:EXAMPLES])
        more = len(self.cases) - EXAMPLES
        cells = (self.what, self.ours, self.h11.value, self.nginx.value, self.why)
        return f"| {' | '.join(cells)} | {names}{f' and {more} more' if more > 0 else ''} |"


def differences() -> list[Difference]:
    """Read the table."""
    content: dict[str, list[dict[str, Any]]] = tomllib.loads(DATA.read_text(encoding="ascii"))
    typed = {"h11": Way, "nginx": Way, "cases": tuple}
    return [
        Difference(**{key: typed.get(key, str)(value) for key, value in row.items()})
        for row in content["difference"]
    ]


def way_of_h11(case: Case) -> Way:
    """Compare what h11 reads in a case, to the last header."""
    passed, refused = _ours(case)
    ours = [
        (
            request["method"],
            request["url"],
            [(name.lower(), value) for name, value in request["headers"]],
            request["body"],
            request["whole"],
        )
        for request in passed
    ]
    reading = h11reader.requests(case.data)
    theirs = [
        (*start, [field for field in fields if not is_ash(field[0])], body, whole)
        for start, fields, body, whole in reading.messages
    ]
    return _way(ours, refused, theirs, bool(reading.refusal))


def way_of_nginx(case: Case, nginx: NginxReader) -> Way:
    """Compare what nginx passes on of a case: whole requests, and where they go."""
    passed, refused = _ours(case)
    ours = [
        (request["method"], request["url"], _host(request["headers"]), request["body"])
        for request in passed
        if request["whole"]
    ]
    return _way(ours, refused, *nginx.read(case.data))


def _ours(case: Case) -> tuple[list[dict[str, Any]], bool]:
    """Return what a case tells up to where the connection is closed."""
    passed: list[dict[str, Any]] = []
    for request in case.passed:
        passed.append(request)
        if not request["keep_alive"]:
            return passed, False
    return passed, case.status is not None


def _host(headers: list[tuple[bytes, bytes]]) -> bytes:
    host = next((value for name, value in headers if name.lower() == b"host"), b"")
    name = host.lower()
    end = name.find(b":", name.rfind(b"]") + 1)
    return (name[:end] if end >= 0 else name).removesuffix(b".")


def _way(ours: Sequence[Any], refused: bool, theirs: Sequence[Any], they_refuse: bool) -> Way:
    if (ours, refused) == (theirs, they_refuse):
        return Way.SAME
    if refused and not they_refuse:
        return Way.PASSES if len(theirs) > len(ours) or _more_is_whole(ours, theirs) else Way.WAITS
    if they_refuse and not refused:
        return Way.REFUSES
    return Way.OTHERWISE


def _more_is_whole(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return bool(theirs) and theirs[-1][-1] is True and ours[-1][-1] is False
