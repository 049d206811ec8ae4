"""A flame graph as one file that needs no other: SVG, or HTML with the same SVG in it.

Everything is drawn without the script; that only zooms (click), searches, and shows the details of
what the mouse is on. Callers stand above what they call.
"""

from __future__ import annotations

import importlib.resources
import zlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from .._text import clean
from ._stacks import place
from ._tree import Box, boxes, make_tree

if TYPE_CHECKING:
    from ._stacks import Samples

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
WIDTH = 1200
ROW = 17
TOP = 50
BOTTOM = 12
CHARACTER = 7.0
"""Width of a character of the font, in the units of the picture."""

LEAST = 0.0004
"""Boxes narrower than half a pixel are left out."""


def write_svg(samples: Samples, title: str) -> str:
    """Return the SVG."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_svg(samples, title)}\n'


def write_html(samples: Samples, title: str) -> str:
    """Return an HTML page."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(clean(title))}</title>\n"
        "<style>body { margin: 0; background: #fff; }</style></head>\n"
        f"<body>\n{_svg(samples, title)}\n</body>\n</html>\n"
    )


def _svg(samples: Samples, title: str) -> str:
    found = list(boxes(make_tree(samples), LEAST))
    height = TOP + BOTTOM + ROW * (1 + max(box.depth for box in found))
    heading = f"{clean(title)}: {samples.total} samples"
    return "\n".join(
        [
            f'<svg {NAMESPACE} class="flame" width="100%" viewBox="0 0 {WIDTH} {height}">',
            f"<style>{_part('flame.css')}</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            f'<text x="8" y="20" class="heading">{escape(heading)}</text>',
            f'<text x="{WIDTH - 8}" y="20" class="button" id="search">Search</text>',
            f'<text x="{WIDTH - 80}" y="20" class="button" id="reset">Show all</text>',
            '<text x="8" y="40" id="details"> </text>',
            *(_box(box, samples.total) for box in found),
            f"<script><![CDATA[\n{_part('flame.js')}]]></script>",
            "</svg>",
        ]
    )


def _part(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _box(box: Box, total: int) -> str:
    left, width = box.left * WIDTH, box.width * WIDTH
    top = TOP + ROW * box.depth
    label = clean(place(box.label).short)
    share = 100 * box.count / max(total, 1)
    details = f"{clean(box.label)}: {box.count} samples, {share:.1f} %"
    return (
        f'<g class="f" data-l="{box.left:.6f}" data-w="{box.width:.6f}" data-d="{box.depth}" '
        f"data-t={quoteattr(label)}><title>{escape(details)}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{max(width - 0.5, 0.2):.2f}" height="{ROW - 1}" '
        f'fill="{_colour(box.label)}"/>'
        f'<text x="{left + 3:.2f}" y="{top + 12}">{escape(_cut(label, width))}</text></g>'
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
