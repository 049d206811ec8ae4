"""What is to be served, as the command line names it: MODULE:OBJECT.

OBJECT is the name of an application, perhaps with dots, or a call of what makes one, with literals:
`factory("x", debug=True)`. It may be empty: then the module is searched for the usual names.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from ._errors import StartError

USUAL = ("application", "app")
_FACTORIES = ("create_app", "make_app", "create_application", "make_application")


class Target(NamedTuple):
    """A module, the way to an object in it, and how that is to be called (None: not at all)."""

    module: str
    names: tuple[str, ...] = ()
    call: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def __str__(self) -> str:
        return f"{self.module}:{'.'.join(self.names)}"


def parse_target(text: str) -> Target:
    """Take MODULE:OBJECT apart. Raises `StartError`."""
    module, _, thing = text.partition(":")
    if not module:
        raise StartError(f"{text!r} names no module: write MODULE:OBJECT, such as myproject:app")
    if not thing:
        return Target(module)
    names = tuple(thing.split("."))
    if all(map(str.isidentifier, names)):
        return Target(module, names)
    return _parse_call(text, module, thing)


def _parse_call(text: str, module: str, thing: str) -> Target:
    import ast

    try:
        call = ast.parse(thing, mode="eval").body
    except (SyntaxError, ValueError):
        call = None
    if not isinstance(call, ast.Call):
        raise StartError(
            f"{text!r} is not MODULE:OBJECT: what follows the colon is a name, or the call of a "
            'function, such as myproject:app or myproject:create_app("production")'
        )
    names = tuple(ast.unparse(call.func).split("."))
    try:
        if not all(map(str.isidentifier, names)) or any(each.arg is None for each in call.keywords):
            raise ValueError
        arguments = tuple(ast.literal_eval(each) for each in call.args)
        keywords = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (ValueError, TypeError):  # the latter for keys that can't be hashed
        raise StartError(
            f"{text!r}: only a function of the module can be called, with literals: strings, "
            "numbers, True, False, None, and lists, tuples, sets and dicts of them"
        ) from None
    return Target(module, names, (arguments, keywords))


def find(module: ModuleType, target: Target) -> tuple[object, str]:
    """Return the object that is named, not called yet, and its name. Raises `StartError`."""
    if not target.names:
        return _find_usual(module)
    found: object = module
    for position, name in enumerate(target.names):
        try:
            found = getattr(found, name)
        except AttributeError:
            owner = ".".join([module.__name__, *target.names[:position]])
            hint = _submodule(found, target.names[position:]) or _hint(name, found)
            raise StartError(f"{owner} has no {name!r}{hint}") from None
    return found, f"{module.__name__}:{'.'.join(target.names)}"


def has_usual(module: ModuleType) -> bool:
    """Tell whether a module has something under one of the usual names."""
    return any(callable(getattr(module, name, None)) for name in USUAL)


def _find_usual(module: ModuleType) -> tuple[object, str]:
    for name in USUAL:
        found = getattr(module, name, None)
        if callable(found):
            return found, f"{module.__name__}:{name}"
    name = module.__name__
    factory = next((each for each in _FACTORIES if callable(getattr(module, each, None))), None)
    hint = f"; it has {factory}: write '{name}:{factory}()'" if factory else ""
    raise StartError(
        f"the module {name} has neither application nor app; name the object: {name}:OBJECT{hint}"
    )


def _submodule(owner: object, names: tuple[str, ...]) -> str:
    """Say how to name an object of a module that the package `owner` has, but doesn't import."""
    from importlib.util import find_spec

    if len(names) < 2 or not hasattr(owner, "__path__"):
        return ""
    module = f"{getattr(owner, '__name__', '')}.{names[0]}"
    if find_spec(module) is None:
        return ""
    return f"; for the module of this name write {module}:{'.'.join(names[1:])}"


def _hint(name: str, owner: object) -> str:
    from ._suggest import did_you_mean

    names = [each for each in dir(owner) if not each.startswith("_")]
    likely = next((each for each in (*USUAL, *_FACTORIES) if each in names), None)
    return did_you_mean(name, names) or (f" (it has {likely})" if likely else "")
