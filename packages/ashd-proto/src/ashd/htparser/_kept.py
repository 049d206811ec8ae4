"""A memory of lines: what a line means depends on its bytes alone, and most lines come again.

Clients and handlers say the same things each time, and most of them say what others say too. So
what was found out about a line is kept, and costs one look-up when it comes again. No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ._limits import MAX_KEPT_LINE, MAX_KEPT_LINES

T = TypeVar("T")


class Kept(dict[bytes, T]):
    """What `judge` said of lines that came lately, within a bound.

    Getting a line raises what `judge` raises; that isn't kept.
    """

    def __init__(self, judge: Callable[[bytes], T]) -> None:
        """Start empty."""
        super().__init__()
        self._judge = judge

    def __missing__(self, line: bytes) -> T:
        """Judge a line that isn't known."""
        meaning = self._judge(line)
        if len(line) <= MAX_KEPT_LINE:
            if len(self) >= MAX_KEPT_LINES:
                self.clear()
            self[line] = meaning
        return meaning
