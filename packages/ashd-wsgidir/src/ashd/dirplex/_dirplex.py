"""One request's way: map it to a file, choose a stanza, pass it on. Called by one thread.

The request stays the caller's, who closes it; children get descriptors of their own.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import assert_never

from ashd.proto import Request
from ashd.util import spawn_transient

from ._answers import add_slash, misconfigured, not_found, undeliverable
from ._children import Children
from ._config import NOT_FOUND_HANDLER, Configs, Handler, Match, Subject, choose, find_handler
from ._htrc import DirectoryConfigs
from ._mapping import Captured, Found, Mapper, Missing, Redirect

FILE_HEADER = b"X-Ash-File"

_log = logging.getLogger("ashd.dirplex")


class Dirplex:
    """Serves the directory `root`; `configs` are the files read at start, the nearest first.

    An instance is called with each request; it is a context manager, which lets the children finish
    in the end.
    """

    def __init__(self, root: str, configs: Configs) -> None:
        self._root = root
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
            _log.error("%s: can't be mapped: %s", os.fsdecode(request.url), error)
            undeliverable(request, error)
            return
        match result:
            case Redirect():
                add_slash(request)
            case Captured():
                request.rest = result.rest
                self._call(request, result.capture.handler, result.configs)
            case Missing():
                self._not_found(request, result.path, result.configs)
            case Found():
                self._found(request, result)
            case _:
                assert_never(result)

    def _found(self, request: Request, found: Found) -> None:
        match = choose(found.configs, found.subject, found.path)
        if match is None:
            self._not_found(request, found.path, found.configs)
            return
        request.rest = found.rest
        self._act(request, match, found.configs, found.path or ".")

    def _not_found(self, request: Request, path: str, configs: Configs) -> None:
        match = choose(configs, Subject.NOT_FOUND, path)
        if match is not None:
            self._act(request, match, configs)
        else:
            self._call(request, NOT_FOUND_HANDLER, configs)

    def _act(
        self, request: Request, match: Match, configs: Configs, path: str | None = None
    ) -> None:
        for name, value in match.headers:
            set_header(request, name, value)
        if isinstance(match.action, Handler):
            self._pass_on(request, match.action, path)
        else:
            self._call(request, match.action, configs, path)

    def _call(self, request: Request, name: str, configs: Configs, path: str | None = None) -> None:
        handler = find_handler(configs, name)
        if handler is not None:
            self._pass_on(request, handler, path)
        elif name == NOT_FOUND_HANDLER:
            not_found(request)
        else:
            _log.error("%s: handler %r is not declared", os.fsdecode(request.url), name)
            misconfigured(request)

    def _pass_on(self, request: Request, handler: Handler, path: str | None) -> None:
        if path is not None:
            seen = os.path.relpath(path, handler.directory) if handler.directory else path
            set_header(request, FILE_HEADER, os.fsencode(seen))
        cwd = str(Path(self._root, handler.directory))
        try:
            if handler.persistent:
                self._children.get(handler, cwd).pass_on(request)
            else:
                spawn_transient(handler.argv, request, cwd=cwd)
        except Exception as error:
            _refuse(request, error)


def set_header(request: Request, name: bytes, value: bytes) -> None:
    """Give a header its only value."""
    wanted = name.lower()
    request.headers[:] = [pair for pair in request.headers if pair[0].lower() != wanted]
    request.headers.append((name, value))


def _refuse(request: Request, error: Exception) -> None:
    _log.error("%s: can't be passed on: %s", os.fsdecode(request.url), error)
    undeliverable(request, error)
