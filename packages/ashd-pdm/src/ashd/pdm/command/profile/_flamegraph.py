"""A flame graph as one file that needs no other: SVG, or HTML with the same SVG in it.

The script only zooms (click), searches, and shows details. Callers stand above what they call.
"""

from __future__ import annotations

import importlib.resources
import zlib
from collections.abc import Iterator
from itertools import takewhile
from xml.sax.saxutils import escape, quoteattr

from .._text import clean
from ._stacks import Samples, place

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
WIDTH = 1200
ROW = 17
TOP = 50
BOTTOM = 12
CHARACTER = 7.0
"""Width of a character of the font, in the units of the picture."""

LEAST = 0.0004
"""Boxes narrower than half a pixel are left out: shares of the whole width."""


def write_html(samples: Samples, title: str) -> str:
    """Return an HTML page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(clean(title))}</title>\n"
        "<style>body { margin: 0; background: #fff; }</style></head>\n"
        f"<body>\n{write_svg(samples, title)}</body>\n</html>\n"
    )


def write_svg(samples: Samples, title: str) -> str:
    """Return the SVG."""
    height = TOP + BOTTOM + ROW * (1 + max(map(len, samples.stacks), default=0))
    heading = f"{clean(title)}: {samples.total} samples"
    return f"""\
<svg {NAMESPACE} class="flame" width="100%" viewBox="0 0 {WIDTH} {height}">
<style>{_part("flame.css")}</style>
<rect width="{WIDTH}" height="{height}" fill="#fff"/>
<text x="8" y="20" class="heading">{escape(heading)}</text>
<text x="{WIDTH - 8}" y="20" class="button" id="search">Search</text>
<text x="{WIDTH - 80}" y="20" class="button" id="reset">Show all</text>
<text x="8" y="40" id="details"> </text>
{"".join(_boxes(samples))}
<script><![CDATA[
{_part("flame.js")}]]></script>
</svg>
"""


def _part(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _boxes(samples: Samples) -> Iterator[str]:
    """Yield the boxes; first the one of all samples."""
    total, start = max(samples.total, 1), 0
    yield _box("all", samples.total, 0, 0, total)
    begun: list[tuple[str, int]] = []  # labels of the stack before, and where their boxes begin
    for stack, count in [*sorted(samples.stacks.items()), ((), 0)]:
        pairs = zip(stack, begun, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1][0], pairs))
        while len(begun) > common:
            label, left = begun.pop()
            if start - left >= LEAST * total:
                yield _box(label, start - left, left / total, len(begun) + 1, total)
        begun += [(label, start) for label in stack[common:]]
        start += count


def _box(label: str, count: int, left: float, depth: int, total: int) -> str:
    share, top = count / total, TOP + ROW * depth
    x, width = left * WIDTH, share * WIDTH
    short = clean(place(label).short)
    details = f"{clean(label)}: {count} samples, {100 * share:.1f} %"
    return (
        f'<g class="f" data-l="{left:.6f}" data-w="{share:.6f}" data-d="{depth}" '
        f"data-t={quoteattr(short)}><title>{escape(details)}</title>"
        f'<rect x="{x:.2f}" y="{top}" width="{max(width - 0.5, 0.2):.2f}" height="{ROW - 1}" '
        f'fill="{_colour(label)}"/>'
        f'<text x="{x + 3:.2f}" y="{top + 12}">{escape(_cut(short, width))}</text></g>'
    )


def _cut(label: str, width: float) -> str:
    room = int((width - 6) / CHARACTER)
    if room < 3:
        return ""
    return label if len(label) <= room else f"{label[: room - 2]}.."


def _colour(label: str) -> str:
    """Warm colours; the same for the same function in every graph."""
    found = place(label)
    if not found.file:
        return "#c9d3df"
    mixed = zlib.crc32(f"{found.function}{found.file}".encode(errors="replace"))
    return f"hsl({12 + mixed % 43} 85% {62 + (mixed >> 8) % 14}%)"
