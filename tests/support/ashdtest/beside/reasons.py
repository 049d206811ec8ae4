"""Why servers differ: `tests/compatibility/differences.toml`.

Each difference that is known stands there with its reason, and patterns of what is seen of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .comparison import Difference
from .servers import FOLDER

DATA = FOLDER / "differences.toml"


@dataclass(frozen=True, slots=True)
class Sign:
    """How a difference shows in one place. Whole texts must match, but for the request."""

    where: re.Pattern[str]
    ours: re.Pattern[str]
    theirs: re.Pattern[str]
    request: re.Pattern[str]

    def fits(self, difference: Difference) -> bool:
        return bool(
            self.where.fullmatch(difference.where)
            and self.ours.fullmatch(difference.ours)
            and self.theirs.fullmatch(difference.theirs)
            and self.request.search(difference.request)
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """A difference, and why it is there."""

    what: str
    why: str
    applications: tuple[str, ...]
    """Where it may be seen; empty for all."""
    servers: re.Pattern[str]
    signs: tuple[Sign, ...]

    def explains(self, application: str, server: str, difference: Difference) -> bool:
        if self.applications and application not in self.applications:
            return False
        if not self.servers.search(server):
            return False
        return any(sign.fits(difference) for sign in self.signs)


def reasons() -> list[Reason]:
    """Read the table."""
    content: dict[str, list[dict[str, Any]]] = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return [
        Reason(
            row["what"],
            row["why"],
            tuple(row.get("applications", ())),
            re.compile(row.get("servers", "")),
            tuple(_sign(sign) for sign in row["seen"]),
        )
        for row in content["difference"]
    ]


def _sign(row: dict[str, str]) -> Sign:
    where, ours, theirs, request = (
        re.compile(row.get(key, default), re.DOTALL)
        for key, default in (("where", ""), ("ours", ".*"), ("theirs", ".*"), ("request", ""))
    )
    return Sign(where, ours, theirs, request)


def why(
    known: Sequence[Reason], application: str, server: str, difference: Difference
) -> Reason | None:
    """Return the first reason that explains a difference."""
    fitting = (row for row in known if row.explains(application, server, difference))
    return next(fitting, None)
