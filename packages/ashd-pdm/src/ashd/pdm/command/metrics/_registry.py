"""The metrics as prometheus_client takes them: this module needs the extra `cli`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from .._text import clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._families import Family


class _Collected(Collector):
    """Families; those without samples are left out."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
            metric = Metric(name, clean_lines(family.help), family.kind)
            for suffix, labels, value in family.samples:
                metric.add_sample(family.name + suffix, labels, value)
            yield metric


def registry_of(families: Iterable[Family]) -> CollectorRegistry:
    """Return a registry that holds `families` alone."""
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return registry


def text_of(families: Iterable[Family]) -> str:
    """Return the text format."""
    return generate_latest(registry_of(families)).decode()
