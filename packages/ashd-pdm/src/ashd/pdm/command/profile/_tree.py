"""The tree that a flame graph draws. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._stacks import Samples


@dataclass(slots=True)
class Node:
    """A frame, met in the same callers, with all its samples."""

    label: str
    count: int = 0
    children: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node is drawn: `left` and `width` are shares of the whole, `depth` counts rows."""

    label: str
    count: int
    left: float
    width: float
    depth: int


def make_tree(samples: Samples) -> Node:
    """Return the root, which stands for all threads."""
    root = Node("all")
    for stack, count in sorted(samples.stacks.items()):
        root.count += count
        node = root
        for label in stack:
            node = node.children.setdefault(label, Node(label))
            node.count += count
    return root


def boxes(root: Node, least: float) -> Iterator[Box]:
    """Yield the boxes, callers before what they call; none that is narrower than `least`."""
    total = max(root.count, 1)
    waiting = [(root, 0, 0)]
    while waiting:
        node, start, depth = waiting.pop()
        yield Box(node.label, node.count, start / total, node.count / total, depth)
        for child in node.children.values():
            if child.count / total >= least:
                waiting.append((child, start, depth + 1))
            start += child.count
