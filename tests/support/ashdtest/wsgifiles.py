"""Calling WSGI applications directly, and the files in which they live.

Tests of ashd.wsgidir use it. What `call` opens (response iterators) it closes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from .processes import DEADLINE

NOBODY = 65534
OLD = 1_500_000_000
"""A date at which files are old enough to be known by their stamp alone."""

ANSWER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [ANSWER]

ANSWER = {answer!r}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application answered."""

    status: int
    headers: dict[str, str]
    body: bytes


def call(application: Any, path: Path | str | None, **environ: Any) -> Answer:
    """Call a WSGI application for the file at `path`, with everything that passes validated."""
    environ = {"SCRIPT_NAME": "/file", "PATH_INFO": "", "QUERY_STRING": "", **environ}
    setup_testing_defaults(environ)
    if path is not None:
        environ["SCRIPT_FILENAME"] = str(path)
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    written = bytearray()

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        heads.append((status, headers))
        return written.extend

    pieces: Any = validator(application)(environ, start_response)
    with contextlib.closing(pieces):
        body = b"".join(pieces)
    status, headers = heads[-1]
    return Answer(int(status.split()[0]), dict(headers), bytes(written) + body)


def save(path: Path, text: str, mtime: float | None = None) -> Path:
    """Write a file in its place, as an editor does that keeps the inode."""
    path.write_text(text)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def put(path: Path, text: str, mtime: float | None = None) -> Path:
    """Write a file beside the old one and move it there, as careful editors do."""
    save(path.with_name(path.name + "~"), text, mtime).rename(path)
    return path


def answering(answer: bytes) -> str:
    """Return the text of a file whose application answers with `answer`."""
    return ANSWER.format(answer=answer)


class Gate:
    """Something for the code of a file to wait at: `text` is the statement that waits."""

    def __init__(self, directory: Path, name: str = "gate") -> None:
        self._path = directory / name
        os.mkfifo(self._path)
        self.text = f"open({str(self._path)!r}).close()\n"

    def open(self) -> None:
        """Let through whoever waits; waits itself until somebody does."""
        with self._path.open("w"):
            pass


class Asker(threading.Thread):
    """A thread that calls something and keeps what comes of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        """Wait for the function to return; raise what it raised."""
        self.join(DEADLINE)
        assert not self.is_alive(), "a thread hangs"
        if self._error is not None:
            raise self._error
        return self._result


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Make file permissions hold for this process, even if it is root's."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _public_place() -> str:
    """Return a directory that every user can reach; TMPDIR may lie in somebody's private one."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        with without_privileges():
            reachable = os.access(place, os.X_OK, effective_ids=True)
        if reachable:
            return place
    pytest.skip("no directory for temporary files is open to every user")


@contextlib.contextmanager
def public_directory() -> Iterator[Path]:
    """Make a temporary directory that every user may look into, unlike pytest's."""
    with tempfile.TemporaryDirectory(dir=_public_place()) as name:
        Path(name).chmod(0o755)
        yield Path(name)
