"""The way of a request: map it to a file, choose a stanza, pass it on. One thread calls this.

The request stays the caller's, unless it is answered here; children get descriptors of their own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ashd.proto import Request
from ashd.util import printable, spawn_transient

from ._answers import add_slash, forbidden, malformed, misconfigured, not_found, undeliverable
from ._children import Children
from ._config import NOT_FOUND_HANDLER, Configs, Handler, Match, Subject, choose, find_handler
from ._htrc import DirectoryConfigs
from ._mapping import Captured, Found, Malformed, Mapper, Missing, Redirect

FILE_HEADER = b"X-Ash-File"

MAX_TOLD = 1000
"""Paths that the log names as not served: enough to see the mistake."""

logger = logging.getLogger("ashd.dirplex")


class Dirplex:
    """Serves the directory `root`; `configs` are the files read at start, the nearest first.

    An instance is called with each request. As a context manager, it lets the children finish at
    the end.
    """

    def __init__(self, root: str, configs: Configs) -> None:
        self._root = root
        self._told: set[str] = set()
        self._children = Children(_refuse)
        self._mapper = Mapper(root, configs, DirectoryConfigs(root, self._children.keep))

    def __enter__(self) -> Dirplex:
        return self

    def __exit__(self, *_: object) -> None:
        self._children.finish()

    def __call__(self, request: Request) -> None:
        """Serve one request."""
        try:
            result = self._mapper.map(request.rest)
        except OSError as error:
            logger.error("%s: can't be mapped: %s", printable(request.url), error)
            undeliverable(request, error)
            return
        match result:
            case Malformed():
                malformed(request)
            case Redirect():
                add_slash(request)
            case Captured():
                request.rest = result.rest
                self._call(request, result.capture.handler, result.configs)
            case Missing():
                self._not_found(request, result)
            case _:
                self._found(request, result)

    def _found(self, request: Request, found: Found) -> None:
        is_file = found.subject is Subject.FILE
        action = take(request, found.configs, found.subject, found.path)
        if action is not None:
            request.rest = found.rest
            path = found.path if is_file else as_directory(found.path)
            self._act(request, action, found.configs, path)
            return
        self._tell_of_no_match(found)
        if is_file:
            self._not_found(request, Missing(found.path, found.configs, is_directory=False))
        else:
            forbidden(request)

    def _tell_of_no_match(self, found: Found) -> None:
        """Log that no stanza holds for a path, once for each: the client sees only an error."""
        if found.path in self._told or len(self._told) >= MAX_TOLD:
            return
        self._told.add(found.path)
        form = "match" if found.subject is Subject.FILE else "match directory"
        path = printable(os.fsencode(found.path or "."))
        logger.warning("%s is not served, since no stanza holds for it; add one: %s", path, form)

    def _not_found(self, request: Request, missing: Missing) -> None:
        action = take(request, missing.configs, Subject.NOT_FOUND, missing.path)
        if action is not None:
            path = as_directory(missing.path) if missing.is_directory else missing.path
            self._act(request, action, missing.configs, path)
        else:
            self._call(request, NOT_FOUND_HANDLER, missing.configs)

    def _act(self, request: Request, action: str | Handler, configs: Configs, path: str) -> None:
        if isinstance(action, Handler):
            self._pass_on(request, action, path)
        else:
            self._call(request, action, configs, path)

    def _call(self, request: Request, name: str, configs: Configs, path: str | None = None) -> None:
        handler = find_handler(configs, name)
        if handler is not None:
            self._pass_on(request, handler, path)
        elif name == NOT_FOUND_HANDLER:
            not_found(request)
        else:
            logger.error("%s: handler %r is not declared", printable(request.url), name)
            misconfigured(request)

    def _pass_on(self, request: Request, handler: Handler, path: str | None) -> None:
        if path is not None:
            set_header(request, FILE_HEADER, os.fsencode(seen_from(handler.directory, path)))
        cwd = str(Path(self._root, handler.directory))
        try:
            if handler.persistent:
                self._children.get(handler, cwd).pass_request(request)
            else:
                spawn_transient(handler.argv, request, cwd=cwd)
        except Exception as error:
            _refuse(request, error)


def take(request: Request, configs: Configs, subject: Subject, path: str) -> str | Handler | None:
    """Return the action of the stanza that holds, if one does, after setting its headers.

    A stanza that says `reparse` has its headers set, and the others are tried.
    """
    passed: list[Match] = []
    while (match := choose(configs, subject, path, passed)) is not None:
        for name, value in match.headers:
            set_header(request, name, value)
        if match.action is not None:
            return match.action
        passed.append(match)
    return None


def as_directory(path: str) -> str:
    """Return a directory's path as handlers see it: with a slash at its end."""
    return f"{path or '.'}/"


def seen_from(directory: str, path: str) -> str:
    """Return a path relative to a directory (both relative to the root); it keeps its slash."""
    if not directory:
        return path
    slash = "/" if path.endswith("/") else ""
    return os.path.relpath(path, directory) + slash


def set_header(request: Request, name: bytes, value: bytes) -> None:
    """Set a header to one value, in place of all that it had."""
    wanted = name.lower()
    request.headers[:] = [pair for pair in request.headers if pair[0].lower() != wanted]
    request.headers.append((name, value))


def _refuse(request: Request, error: Exception) -> None:
    logger.error("%s: can't be passed on: %s", printable(request.url), error)
    undeliverable(request, error)
