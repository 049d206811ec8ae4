"""dirplex as a process over a directory, ours and the reference one.

with serving(tmp_path, "match\\n default\\n fork cat\\n") as handler:
    handler.call(b"/file")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ashd.util import Response

from .handlers import Handler, running
from .outside import needs
from .processes import program

OURS = "ashd-dirplex"
REFERENCE = "dirplex"

DIRPLEXES = [
    pytest.param(OURS, id=OURS),
    pytest.param(REFERENCE, id=REFERENCE, marks=needs(REFERENCE)),
]


def dirplex_command(name: str) -> str:
    """Return the path of a dirplex, `OURS` or `REFERENCE`."""
    return program(OURS) if name == OURS else name


def echo(name: str) -> str:
    """Return the `exec` line of a persistent handler that answers with what it got."""
    return f"exec {sys.executable} {Path(__file__).with_name('echo.py')} {name}"


@dataclass(frozen=True, slots=True)
class Echo:
    """What the echo handler got, and what it is."""

    name: str
    pid: int
    cwd: str
    rest: bytes
    body: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, response: Response) -> Echo:
        """Read an echo handler's response."""
        assert response.status == 200, response
        name, pid, cwd, rest, body, *fields = response.body.split(b"\n")
        headers = dict(field.decode().split(": ", 1) for field in fields)
        return cls(name.decode(), int(pid), cwd.decode(), rest, body, headers)


@contextmanager
def serving(
    root: Path,
    config: str = "",
    *,
    name: str = OURS,
    env: Mapping[str, str] | None = None,
    status: int | None = 0,
) -> Iterator[Handler]:
    """Run a dirplex for the length of a block, with `config` as its only configuration."""
    file = root.with_name(root.name + ".rc")
    file.write_text(config)
    argv = [dirplex_command(name), "-N", "-c", str(file), str(root)]
    with running(argv, env={**os.environ, **(env or {})}, status=status) as handler:
        yield handler
