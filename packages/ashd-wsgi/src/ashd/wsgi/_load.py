"""Finding the application that is to be served."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import cast

from ._adapter import Application
from ._bytecode import distrust_old_bytecode
from ._errors import StartError


def load_application(
    name: str, arguments: Sequence[str], *, find_application: bool, path: Sequence[str]
) -> Application:
    """Import a module and return its application.

    That is what its `wmain(*arguments)` returns or, with `find_application`, its object of the
    name `application`. `path` is put in front of `sys.path`. Raises `StartError`; exceptions of
    the module's own code are its cause.
    """
    sys.path[:0] = path
    distrust_old_bytecode()
    _check_name(name)
    module = _import(name)
    return _application(module) if find_application else _call_wmain(module, arguments)


def _check_name(name: str) -> None:
    """Raise `StartError` for what people write in place of a module's name."""
    if ":" in name:
        module, _, thing = name.partition(":")
        raise StartError(
            f"{name!r} is not the name of a module: give {module or 'the module'} alone, with -A, "
            "and call the application's object `application` there"
            + (f" (application = {thing})" if thing.isidentifier() else "")
        )
    if name.endswith(".py"):
        folder, _, file = name.rpartition("/")
        raise StartError(
            f"{name!r} is a file: give the name of its module, "
            f"{f'-p {folder} ' if folder else ''}{file.removesuffix('.py')}"
        )


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise StartError(
                f"there is no module {error.name!r} on Python's path (the working directory is "
                "not on it unless you say -p .)"
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
    try:
        application = wmain(*arguments)
    except StartError:
        raise
    except SystemExit as error:
        raise StartError(_failed(f"{module.__name__}.wmain", error)) from None
    except BaseException as error:
        raise StartError(_failed(f"{module.__name__}.wmain", error)) from error
    return _callable(application, f"what {module.__name__}.wmain returned")


def _callable(thing: object, what: str) -> Application:
    if not callable(thing):
        raise StartError(f"{what} is no WSGI application: it can't be called")
    return cast("Application", thing)


def _failed(what: str, error: BaseException) -> str:
    return f"{what} failed: {type(error).__name__}: {error}".rstrip(": ")
