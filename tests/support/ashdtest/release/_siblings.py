"""Which siblings a distribution is tried with: the oldest and the newest that may stand beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from ._tree import Distribution, Repository


@dataclass(frozen=True)
class Trial:
    """Distributions that are installed together; the first one is to be released."""

    which: str
    members: tuple[Distribution, ...]

    def __str__(self) -> str:
        texts = [f"{each.name} {each.version} ({each.origin})" for each in self.members]
        return f"{self.which} siblings: {', '.join(texts)}"


def trials(repository: Repository, name: str) -> list[Trial]:
    """Return the trials of what the working tree has; one if the oldest are the newest.

    A sibling that has no release which goes with it is taken from the working tree.
    """
    ours = repository.in_tree(name)
    others = [_candidates(repository, ours, each) for each in repository.names if each != name]
    oldest = _first_that_agree(ours, others)
    newest = _first_that_agree(ours, [each[::-1] for each in others])
    if oldest == newest:
        return [Trial("oldest and newest", oldest)]
    return [Trial("oldest", oldest), Trial("newest", newest)]


def _candidates(repository: Repository, ours: Distribution, sibling: str) -> Sequence[Distribution]:
    """Return the releases of a sibling that go with ours, the oldest first."""
    released = [repository.at(sibling, tag) for tag in repository.tags(sibling).values()]
    fitting = [each for each in released if _agree((ours, each))]
    return fitting or [repository.in_tree(sibling)]


def _first_that_agree(
    ours: Distribution, others: Iterable[Sequence[Distribution]]
) -> tuple[Distribution, ...]:
    for beside in product(*others):
        if _agree((ours, *beside)):
            return (ours, *beside)
    raise ValueError(f"no siblings can be installed together beside {ours.name} {ours.version}")


def _agree(members: Sequence[Distribution]) -> bool:
    return all(one.allows(other) for one in members for other in members)
