"""Collapsed stacks: a line for each, as many other tools read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._text import clean

if TYPE_CHECKING:
    from ._stacks import Samples


def write_collapsed(samples: Samples, _title: str) -> str:
    """Return the text: `thread;outer;...;inner COUNT`."""
    found = sorted(samples.stacks.items())
    return "".join(f"{clean(';'.join(stack))} {count}\n" for stack, count in found)
