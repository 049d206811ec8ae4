"""Says how a name goes on, and what a name is. This source is sent to the daemon and runs there, in
a namespace of its own: it needs nothing but the standard library, imports nothing that would change
the daemon, and calls no code of the daemon's but `__dir__` and the looking up of attributes that
are no properties.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import sys
from typing import Any

MOST = 500

_MISSING = object()


def evaluate(path: str, names: dict[str, object]) -> Any:
    """Return the object of a dotted name, without calling anything."""
    first, *rest = path.split(".")
    value = names.get(first, getattr(builtins, first, _MISSING))
    for name in rest:
        if value is _MISSING or isinstance(getattr(type(value), name, None), property):
            return _MISSING
        value = getattr(value, name, _MISSING)
    return value


def attributes(value: object, start: str) -> list[str]:
    """Return names; private ones only when they are asked for."""
    found = [name for name in dir(value) if name.startswith(start)]
    shown = [name for name in found if start.startswith("_") or not name.startswith("_")]
    return sorted(shown, key=lambda name: (name.startswith("_"), name))


def keys(value: object, start: str) -> list[str]:
    """Return keys of a dict as they are written, with the closing bracket."""
    if type(value) is not dict:
        return []
    written = [repr(key) for key in list(value) if isinstance(key, (str, int, bytes))]
    quoted = start.replace('"', "'")
    return [text + "]" for text in written if text.startswith(quoted)]


def modules(start: str) -> list[str]:
    """Return names of modules that are imported or built in."""
    known = {*sys.modules, *sys.builtin_module_names, *sys.stdlib_module_names}
    depth = start.count(".") + 1
    return sorted({".".join(name.split(".")[:depth]) for name in known if name.startswith(start)})


def complete(text: str, names: dict[str, object]) -> tuple[int, list[str]]:
    """Return (how many characters at the end of `text` are replaced, [by what])."""
    length, found = endings(text, names)
    return length, found[:MOST]


def endings(text: str, names: dict[str, object]) -> tuple[int, list[str]]:
    """Look for what the end of `text` is the beginning of."""
    found = re.search(r"^\s*from\s+([\w.]+)\s+import\s+(?:.*,\s*)?\(?(\w*)$", text)
    if found and found[1] in sys.modules:
        return len(found[2]), attributes(sys.modules[found[1]], found[2])
    found = re.search(r"^\s*(?:from|import)\s+(?:.*,\s*)?([\w.]*)$", text)
    if found:
        return len(found[1]), modules(found[1])
    found = re.search(r"([A-Za-z_][\w.]*)\[([^\[\]\s]*)$", text)
    if found:
        return len(found[2]), keys(evaluate(found[1], names), found[2])
    found = re.search(r"([A-Za-z_][\w.]*)\.(\w*)$", text)
    if found:
        value = evaluate(found[1], names)
        return len(found[2]), [] if value is _MISSING else attributes(value, found[2])
    found = re.search(r"(?<![\w.\"'])([A-Za-z_]\w*)$", text)
    return (len(found[1]), plain_names(found[1], names)) if found else (0, [])


def plain_names(start: str, names: dict[str, object]) -> list[str]:
    """Return names of the namespace, builtins and keywords."""
    own = [name for name in names if name.startswith(start) and not name.startswith("__")]
    known = [*dir(builtins), *keyword.kwlist]
    others = {name for name in known if name.startswith(start) and not name.startswith("_")}
    return sorted(own) + sorted(others.difference(own))


def describe(path: str, names: dict[str, object]) -> list[str]:
    """Return lines about the object of a dotted name, as `NAME?` shows them."""
    value = evaluate(path, names)
    if value is _MISSING:
        return [f"there is no {path} here"]
    kind = type(value)
    lines = [f"type       {kind.__module__}.{kind.__qualname__}"]
    try:
        lines.append(f"signature  {path.rpartition('.')[2]}{inspect.signature(value)}")
    except (TypeError, ValueError):
        pass
    try:
        lines.append(f"file       {inspect.getsourcefile(value)}")
    except TypeError:
        pass
    return [*lines, "", *(inspect.getdoc(value) or "(no documentation)").splitlines()]


def source(path: str, names: dict[str, object]) -> list[str]:
    """Return the source of the object of a dotted name, as `NAME??` shows it."""
    value = evaluate(path, names)
    try:
        return inspect.getsource(value).splitlines()
    except (OSError, TypeError) as exc:
        return [*describe(path, names), "", f"(no source: {exc})"]
