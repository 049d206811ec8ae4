"""Finding the application that is to be served."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

from ._adapter import Application
from ._bytecode import distrust_old_bytecode
from ._errors import StartError
from ._patches import refuse_patches

_ANY_ARGUMENTS = 0x04
_COROUTINE = 0x80
"""CO_VARARGS and CO_COROUTINE of the module inspect, which takes long to import."""


def load_application(
    name: str, arguments: Sequence[str], *, find_application: bool, path: Sequence[str]
) -> Application:
    """Import a module and return its application.

    That is the object that `name` says (MODULE:OBJECT); for a module alone what its
    `wmain(*arguments)` returns or, with `find_application`, its object of the name `application`.
    `path` is put in front of `sys.path`. Raises `StartError`; exceptions of the module's own code
    are its cause.
    """
    sys.path[:0] = path
    distrust_old_bytecode()
    _check_name(name)
    try:
        if ":" in name:
            application = _named(name, arguments, path)
        else:
            module = _import(name, path)
            application = (
                _application(module) if find_application else _call_wmain(module, arguments)
            )
    except StartError:
        raise
    except BaseException as error:  # of attributes that run code
        raise StartError(_failed(f"finding {name}", error)) from error
    refuse_patches()
    return application


def _check_name(name: str) -> None:
    """Raise `StartError` for what people write in place of a module's name."""
    module, colon, thing = name.partition(":")
    if module.endswith(".py"):
        folder, _, file = module.rpartition("/")
        raise StartError(
            f"{module!r} is a file: give the name of its module, "
            f"{f'-p {folder} ' if folder else ''}{file.removesuffix('.py')}{colon}{thing}"
        )
    if "/" in module:
        dotted = ".".join(part for part in module.split("/") if part not in ("", "."))
        raise StartError(
            f"{module!r} is not the name of a module; give it as an import statement would: "
            f"{dotted}{colon}{thing}"
        )


def _named(name: str, arguments: Sequence[str], path: Sequence[str]) -> Application:
    """Return the application that MODULE:OBJECT names."""
    from ._target import find, has_usual, parse_target

    if arguments:
        raise StartError(
            f"what follows {name} is for a module's wmain(ARGS...); give a function its arguments "
            f"in parentheses: '{name.partition('(')[0]}(\"{arguments[0]}\")'"
        )
    target = parse_target(name)
    module = _import(target.module, path)
    if not target.names and hasattr(module, "wmain") and not has_usual(module):
        return _call_wmain(module, ())
    found, what = find(module, target)
    if target.call is None:
        return _callable(found, what)
    if not callable(found):
        raise StartError(f"{what} can't be called: it is of type {type(found).__name__}")
    positional, keywords = target.call
    return _callable(_call(what, found, *positional, **keywords), f"what {what} returned")


def _import(name: str, path: Sequence[str]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            from ._missing import hint

            raise StartError(
                f"there is no module {error.name!r} on Python's path{hint(error.name, path)}"
            ) from None
        raise StartError(f"the module {name} can't be imported: {error}") from error
    except (ValueError, TypeError) as error:
        if not name.replace(".", "").replace("_", "").isalnum() or ".." in f".{name}.":
            raise StartError(
                f"{name!r} is not the name of a module; give it as an import statement would"
            ) from None
        raise StartError(_failed(f"the import of {name}", error)) from error
    except BaseException as error:
        raise StartError(_failed(f"the import of {name}", error)) from error


def _application(module: ModuleType) -> Application:
    application = getattr(module, "application", None)
    if application is None:
        raise StartError(f"the module {module.__name__} has no object named application")
    return _callable(application, f"{module.__name__}.application")


def _call_wmain(module: ModuleType, arguments: Sequence[str]) -> Application:
    wmain = getattr(module, "wmain", None)
    if not callable(wmain):
        other = " (it has an application: use -A)" if hasattr(module, "application") else ""
        raise StartError(f"the module {module.__name__} has no function wmain{other}")
    what = f"{module.__name__}.wmain"
    return _callable(_call(what, wmain, *arguments), f"what {what} returned")


def _call(what: str, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> object:
    """Call a function of the application that makes what is to be served."""
    try:
        return function(*arguments, **keywords)
    except StartError:
        raise
    except SystemExit as error:
        raise StartError(_failed(what, error)) from None
    except BaseException as error:
        raise StartError(_failed(what, error)) from error


def _callable(thing: object, what: str) -> Application:
    if not callable(thing):
        raise StartError(f"{what} is no WSGI application: it can't be called")
    own = _code(thing)
    code = own or _code(getattr(type(thing), "__call__"))  # noqa: B004, B009 - not bound to it
    if code is not None and code.co_flags & _COROUTINE:
        raise StartError(f"{what} is an asynchronous (ASGI) application; this program serves WSGI")
    if own is not None and own.co_argcount < 2 and not own.co_flags & _ANY_ARGUMENTS:
        raise StartError(
            f"{what} doesn't take two arguments, so it is no WSGI application; if it makes one, "
            f"write {what}()"
        )
    return cast("Application", thing)


def _code(function: object) -> CodeType | None:
    return function.__code__ if isinstance(function, FunctionType) else None


def _failed(what: str, error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # the traceback says that
        text = ""
    return f"{what} failed: {type(error).__name__}: {text}".rstrip(": ")
