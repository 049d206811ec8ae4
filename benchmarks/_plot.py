"""A plot of bars, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, LEFT, BAR, GAP = 760, 240, 18, 6
OURS, OTHERS = "#2f6f9f", "#b8b8b8"


def bars(title: str, values: Mapping[str, float], ours: tuple[str, ...]) -> str:
    """Return a plot, the longest bar first; names that begin with one of `ours` stand out."""
    rows = sorted(values.items(), key=lambda item: -item[1])
    scale = (WIDTH - LEFT - 80) / max(values.values())
    height = 40 + len(rows) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for index, (name, value) in enumerate(rows):
        top, length = 36 + index * (BAR + GAP), value * scale
        colour = OURS if name.startswith(ours) else OTHERS
        base = top + BAR - 4
        lines += [
            f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length:.0f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6:.0f}" y="{base}">{value:,.0f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
