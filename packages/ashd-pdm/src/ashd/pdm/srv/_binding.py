"""Finds the object that a client asks for by module and name.

Only modules that are imported already are looked at, only their own names (nothing is computed for
the asking), and only objects that say that they want to be looked at are given out: they have a
method `pdm_protocols()`.
"""

from __future__ import annotations

import sys
from types import ModuleType

from ..perf import PROTOCOLS, nosuchname, nosuchproto

MODULE_ALIASES = {"pdm.perf": "ashd.pdm.perf"}
"""Clients ask for the built-in objects under the original library's name."""


def bind_local(module: str, name: str) -> object:
    """Return the object `name` of an imported module of this process."""
    found = sys.modules.get(MODULE_ALIASES.get(module, module))
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
