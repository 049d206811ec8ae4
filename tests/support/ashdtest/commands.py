"""Running the command `ashd-wsgi` with modules that a test writes."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from .processes import DEADLINE, MODELS, program

each_model = pytest.mark.parametrize("model", MODELS)
"""Runs a test under every model."""

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"application"]

def wmain(*args):
    def serve(environ, start_response):
        start_response("200 OK", [])
        return [repr(args).encode()]
    return serve
"""


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str


def command(*arguments: str | Path, name: str = "ashd-wsgi") -> list[str]:
    return [program(name), *map(str, arguments)]


def attempt(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: int | None = None,
) -> Outcome:
    """Run a program to its end. Its standard input is a handler socket at end-of-file."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        done = subprocess.run(
            argv,
            stdin=theirs.fileno() if stdin is None else stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=DEADLINE,
            check=False,
        )
    return Outcome(done.returncode, done.stdout, done.stderr)


def module(folder: Path, source: str, name: str = "app") -> Path:
    """Write a module; return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return folder
