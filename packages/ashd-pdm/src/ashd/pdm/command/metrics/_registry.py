"""The metrics as prometheus_client takes them: this module needs the extra `cli`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from ._families import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from ._families import Family


class _Collected(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return metrics(self._families)


def registry_of(families: Iterable[Family]) -> CollectorRegistry:
    """Return a registry that holds `families` alone."""
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return registry


def text_of(families: Iterable[Family]) -> str:
    """Return the text format."""
    return generate_latest(registry_of(families)).decode()
