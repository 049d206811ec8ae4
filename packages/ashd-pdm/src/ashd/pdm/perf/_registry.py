"""The built-in object `objects`: all objects of the process, without anybody having listed them.

What is found are the values at the top level of imported modules whose class has a method
`pdm_protocols`. No code of theirs runs for that. It takes some milliseconds, in the thread of the
server.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

WIRE_MODULES = {"ashd.pdm.perf": "pdm.perf"}
"""Modules under the names that clients know."""


class Objects:
    """A directory of all objects, by `MODULE.OBJECT`."""

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["dir"]

    def listdir(self) -> list[str]:
        """Implement `Listable`. An object that several modules have is listed once, under the name
        with the fewest parts.
        """
        names: dict[int, str] = {}
        for name, obj in _objects():
            known = names.get(id(obj))
            if known is None or _rank(name) < _rank(known):
                names[id(obj)] = name
        return sorted(names.values())

    def lookup(self, name: str) -> Any:
        """Implement `Listable`."""
        module, _, variable = name.rpartition(".")
        real = next((real for real, wire in WIRE_MODULES.items() if wire == module), module)
        obj = vars(sys.modules[real])[variable]
        if not _is_object(obj):
            raise KeyError(name)
        return obj


def _objects() -> list[tuple[str, Any]]:
    found = []
    for module_name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType):
            name = WIRE_MODULES.get(module_name, module_name)
            for variable, obj in list(vars(module).items()):
                if _is_object(obj):
                    found.append((f"{name}.{variable}", obj))
    return found


def _is_object(obj: Any) -> bool:
    return not isinstance(obj, type) and hasattr(type(obj), "pdm_protocols")


def _rank(name: str) -> tuple[int, int, str]:
    return (name.count("._"), name.count("."), name)


objects = Objects()
