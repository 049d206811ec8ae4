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
from collections.abc import Callable
from contextlib import suppress
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
    if value is _MISSING:
        return []
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


def plain_names(start: str, names: dict[str, object]) -> list[str]:
    """Return names of the namespace, builtins and keywords."""
    own = [name for name in names if name.startswith(start) and not name.startswith("__")]
    known = [*dir(builtins), *keyword.kwlist]
    others = {name for name in known if name.startswith(start) and not name.startswith("_")}
    return sorted(own) + sorted(others.difference(own))


ENDINGS: dict[str, Callable[[str, str, dict[str, object]], list[str]]] = {
    r"^\s*from\s+([\w.]+)\s+import\s+(?:.*,\s*)?\(?(\w*)$": (
        lambda path, start, _: attributes(sys.modules.get(path, _MISSING), start)
    ),
    r"^\s*(?:from|import)\s+(?:.*,\s*)?()([\w.]*)$": lambda _path, start, _: modules(start),
    r"([A-Za-z_][\w.]*)\[([^\[\]\s]*)$": (
        lambda path, start, names: keys(evaluate(path, names), start)
    ),
    r"([A-Za-z_][\w.]*)\.(\w*)$": (
        lambda path, start, names: attributes(evaluate(path, names), start)
    ),
    r"(?<![\w.\"'])()([A-Za-z_]\w*)$": lambda _path, start, names: plain_names(start, names),
}
"""What is looked for, by what a text ends with: a path, and the start of a name in it."""


def complete(text: str, names: dict[str, object]) -> tuple[int, list[str]]:
    """Return (how many characters at the end of `text` are replaced, [by what])."""
    for pattern, look in ENDINGS.items():
        if found := re.search(pattern, text):
            return len(found[2]), look(found[1], found[2], names)[:MOST]
    return 0, []


def describe(path: str, names: dict[str, object]) -> list[str]:
    """Return lines about the object of a dotted name, as `NAME?` shows them."""
    value = evaluate(path, names)
    if value is _MISSING:
        return [f"there is no {path} here"]
    kind = type(value)
    lines = [f"type       {kind.__module__}.{kind.__qualname__}"]
    with suppress(TypeError, ValueError):
        lines.append(f"signature  {path.rpartition('.')[2]}{inspect.signature(value)}")
    with suppress(TypeError):
        lines.append(f"file       {inspect.getsourcefile(value)}")
    return [*lines, "", *(inspect.getdoc(value) or "(no documentation)").splitlines()]


def source(path: str, names: dict[str, object]) -> list[str]:
    """Return the source of the object of a dotted name, as `NAME??` shows it."""
    value = evaluate(path, names)
    try:
        return inspect.getsource(value).splitlines()
    except (OSError, TypeError) as exc:
        return [*describe(path, names), "", f"(no source: {exc})"]
