"""The application: which handler serves which file, and the command line of `wmain`."""

from __future__ import annotations

import getopt
import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._chain import chain
from ._errors import HandlerNameError, LoadError, UsageError
from ._names import HandlerNames
from ._pages import misconfigured, no_file, not_loaded, with_tracebacks
from ._static import static

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("ashd.wsgidir")

OWN_HANDLERS: Mapping[str, WSGIApplication] = {"chain": chain, "static": static}

DEFAULT_EXTENSIONS = {".wsgi": "chain", ".wsgi3": "chain"}

USAGE = "the arguments of ashd.wsgidir are [-DV] [-M MODULE]... [.EXT=HANDLER]..."


class Directory:
    """A WSGI application that serves the file in `SCRIPT_FILENAME` by the handler meant for it.

    `HTTP_X_ASH_PYTHON_HANDLER` names it; otherwise it is the one for the file's extension. Any
    number of threads may call this.
    """

    def __init__(
        self, extensions: Mapping[str, str] | None = None, *, modules: Iterable[str] | None = None
    ) -> None:
        """Serve files of further `extensions` (like `{".fpy": "mymodule.handler"}`).

        `modules` are those that a request's handler name may lead to (any, by default); handlers of
        extensions may be anywhere, and are imported now. Raises `HandlerNameError`.
        """
        names = HandlerNames(OWN_HANDLERS)
        wanted = {**DEFAULT_EXTENSIONS, **(extensions or {})}
        self._extensions = {ext: names.find(name) for ext, name in wanted.items()}
        self._names = HandlerNames(OWN_HANDLERS, modules)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        path = environ.get("SCRIPT_FILENAME")
        if not path:
            return no_file(environ, start_response)
        try:
            handler = self._handler(environ.get("HTTP_X_ASH_PYTHON_HANDLER"), path)
        except HandlerNameError as error:
            return misconfigured(environ, start_response, str(error))
        if handler is not chain and handler is not static and not _is_readable(path):
            reason = f"{path} is not a readable file"
            return misconfigured(environ, start_response, reason)
        try:
            return handler(environ, start_response)
        except LoadError as error:
            if error.path != path:
                raise
            return not_loaded(environ, start_response, error)

    def _handler(self, name: str | None, path: str) -> WSGIApplication:
        if name is not None:
            return self._names.find(name)
        handler = self._extensions.get(path[path.rfind(".") :])
        if handler is None:
            raise HandlerNameError(f"no handler is registered for the extension of {path}")
        return handler


def _is_readable(path: str) -> bool:
    # Path.is_file raises for names that are too long
    return os.path.isfile(path) and os.access(path, os.R_OK, effective_ids=True)  # noqa: PTH113


application: WSGIApplication = Directory()
"""Serves `.wsgi` and `.wsgi3` files, and others by the handler that a request names."""


def wmain(*args: str) -> WSGIApplication:
    """Make an application for `ashd-wsgi ashd.wsgidir [-DV] [-M MODULE]... [.EXT=HANDLER]...`.

    `.EXT=HANDLER` lets a handler (`chain`, `static`, or MODULE.OBJECT) serve the files of an
    extension. `-M` limits what requests may name to handlers of that module or package; it may be
    repeated. `-D` shows tracebacks in the browser: for development only. `-V` checks both
    sides against PEP 3333. Other words are ignored, with a warning. Raises `UsageError`.
    """
    try:
        options, rest = getopt.getopt(args, "DVM:")
    except getopt.GetoptError as error:
        raise UsageError(f"{error}; {USAGE}") from None
    flags = {option for option, _ in options}
    modules = [value for option, value in options if option == "-M"]
    try:
        made: WSGIApplication = Directory(_extensions(rest), modules=modules or None)
    except HandlerNameError as error:
        raise UsageError(str(error)) from error
    if "-D" in flags:
        made = with_tracebacks(made)
    if "-V" in flags:
        from wsgiref.validate import validator

        made = validator(made)
    return made


def _extensions(arguments: Iterable[str]) -> dict[str, str]:
    """Read the arguments. The original ignored plain words, so they are not an error."""
    extensions = {}
    for argument in arguments:
        if argument[:1] in (".", "-") or "=" in argument:
            extension, handler = _extension(argument)
            extensions[extension] = handler
        else:
            logger.warning("the argument %r is ignored; %s", argument, USAGE)
    return extensions


def _extension(argument: str) -> tuple[str, str]:
    extension, equals, handler = argument.partition("=")
    if not equals or not handler or extension.rfind(".") != 0 or len(extension) < 2:
        raise UsageError(f"{argument!r} is not of the form .EXT=HANDLER; {USAGE}")
    return extension, handler
