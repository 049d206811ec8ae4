"""The option `--check-config`: everything but serving."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import cast

from ashd.proto import Error

from ._bind import front_end_arguments, portspec, target
from ._errors import StartError
from ._options import Options

_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType)


def check(options: Options, load: Callable[[], object]) -> int:
    """Load the application and say what would be served; return the exit status.

    Raises `StartError` where starting would.
    """
    ports = [_checked_port(address) for address in options.bind]
    if ports:
        options.module = target(options)
        _check_front_end(options)
    if options.pdm is not None:
        from ._debug import check_spec

        check_spec(options.pdm)
    application = load()
    lines = [
        f"application: {options.module} is {_kind(application)}{_file(options.module)}",
        f"model: {options.model}",
        f"workers: {options.workers or 'none, one process'}",
        f"listens: {', '.join(ports) or 'as a front end tells it'}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _checked_port(address: str) -> str:
    try:
        from ashd.htparser import check_portspec
    except ImportError:
        raise StartError("--bind needs the front end: pip install 'ashd-wsgi[http]'") from None
    spec = portspec(address)
    try:
        check_portspec(spec)
    except Error as error:
        raise StartError(f"--bind {address}: {error}") from None
    return spec


def _check_front_end(options: Options) -> None:
    from ashd.htparser import check_options

    try:
        check_options([*front_end_arguments(options), "--", options.program])
    except Error as error:
        raise StartError(f"the front end: {error}") from None


def _kind(application: object) -> str:
    kind = type(application)
    if issubclass(kind, type):
        return f"the class {cast('type', application).__qualname__}"
    if kind in _FUNCTIONS:
        return f"the function {cast('FunctionType', application).__qualname__}"
    return f"a {kind.__module__}.{kind.__qualname__}"


def _file(module: str) -> str:
    file = getattr(sys.modules.get(module.partition(":")[0]), "__file__", None)
    return f" from {file}" if file else ""
