"""Classes whose modules are imported when they are asked for: handlers are started on demand."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def later(name: str) -> Any:
    """Return the class `name` of this package, from the module of this name."""
    return getattr(import_module(f"._{name.lower()}", __package__), name)
