"""Finds the objects of this process, and shows all of them as the built-in object `objects`.

Only modules that are imported already are looked at, only their own names (nothing is computed for
the asking), and only objects whose class has a method `pdm_protocols()` are given out: so they say
that they want to be looked at. No code of theirs runs for a list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

from ._interfaces import PROTOCOLS
from ._wire import nosuchname, nosuchproto

WIRE_MODULES = {"ashd.pdm.perf": "pdm.perf"}
"""Modules under the names that clients know: those of the original library."""

_REAL_MODULES = {wire: real for real, wire in WIRE_MODULES.items()}


def find_object(module: str, name: str) -> object:
    """Return an object of an imported module; `nosuchname` when there is none."""
    found = sys.modules.get(_REAL_MODULES.get(module, module))
    names = vars(found) if isinstance(found, ModuleType) else {}
    if name not in names:
        raise nosuchname(f"{module[:100]}.{name[:100]}: no such object in an imported module")
    return names[name]


def protocols_of(obj: object) -> list[str]:
    """Return what the object implements; `nosuchproto` when it is not meant to be looked at."""
    ask = None if isinstance(obj, type) else getattr(obj, "pdm_protocols", None)
    if not callable(ask):
        raise nosuchproto(f"an object of {type(obj).__qualname__} has no pdm_protocols()")
    return [name for name in ask() if name in PROTOCOLS]


class Objects:
    """A directory of all objects, by `MODULE.OBJECT`."""

    def pdm_protocols(self) -> list[str]:
        """Return `["dir"]`."""
        return ["dir"]

    def listdir(self) -> list[str]:
        """Return each object once, under the name with the fewest parts."""
        names: dict[int, str] = {}
        for name, obj in _objects():
            names[id(obj)] = min(name, names.get(id(obj), name), key=_rank)
        return sorted(names.values())

    def lookup(self, name: str) -> object:
        """Return the object of that name. Raises KeyError for one that isn't there."""
        module, _, variable = name.rpartition(".")
        obj = find_object(module, variable)
        if not _is_object(obj):
            raise KeyError(name)
        return obj


def _objects() -> Iterator[tuple[str, object]]:
    for module_name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType):
            name = WIRE_MODULES.get(module_name, module_name)
            for variable, obj in list(vars(module).items()):
                if _is_object(obj):
                    yield f"{name}.{variable}", obj


def _is_object(obj: object) -> bool:
    return not isinstance(obj, type) and hasattr(type(obj), "pdm_protocols")


def _rank(name: str) -> tuple[int, int, str]:
    return (name.count("._"), name.count("."), name)


objects: Objects = Objects()
