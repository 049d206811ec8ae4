"""An application of `tests/compatibility/applications`, and its visits."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from ..outside import find
from ..processes import free_port
from .exchange import Exchange, Ran
from .relay import Relay
from .servers import FOLDER, Server, serving
from .visitor import Visitor


@dataclass(frozen=True, slots=True)
class Application:
    """A module, as ashdtest.beside says."""

    module: ModuleType

    @property
    def key(self) -> str:
        return self.module.__name__.rpartition(".")[2]

    @property
    def name(self) -> str:
        return str(self.module.NAME)

    @property
    def version(self) -> str:
        """Of the distribution; empty if it is a part of the tests."""
        name = self.module.DISTRIBUTION
        return version(name) if name else ""

    @property
    def varies(self) -> list[re.Pattern[bytes]]:
        return [re.compile(pattern) for pattern in getattr(self.module, "VARIES", ())]

    def missing(self, workers: int) -> str:
        """Say why it can't be run here; empty if it can."""
        try:
            _ = self.version
        except PackageNotFoundError:
            return f"{self.module.DISTRIBUTION} is not installed"
        for program in getattr(self.module, "PROGRAMS", ()):
            if find(program) is None:
                return f"the program {program} is not installed"
        if workers and not getattr(self.module, "SHARED", True):
            return "it keeps its state in the memory of one process"
        return ""

    def visits(self, servers: Sequence[Server]) -> Iterator[list[Exchange | Ran]]:
        """Visit the application behind each of the servers, each time in the same state."""
        prepare: Callable[[Path], None] | None = getattr(self.module, "prepare", None)
        port, relay_port = free_port(), free_port()
        with _folder() as folder:
            state, fresh = folder / "state", folder / "fresh"
            state.mkdir()
            if prepare:
                prepare(state)
            shutil.copytree(state, fresh, symlinks=True)
            for server in servers:
                shutil.rmtree(state)
                shutil.copytree(fresh, state, symlinks=True)
                with serving(server, self.key, port, state), _relay(relay_port, port) as relay:
                    visitor = Visitor(port, relay, state)
                    self.module.visit(visitor)
                    visitor.close()
                yield visitor.done


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _relay(port: int, server_port: int) -> Iterator[Relay]:
    relay = Relay(port, server_port)
    try:
        yield relay
    finally:
        relay.close()


def applications(names: Sequence[str] = ()) -> list[Application]:
    """Return the applications of these names, or all."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    known = sorted(path.stem for path in (FOLDER / "applications").glob("*.py"))
    if unknown := set(names) - set(known):
        raise LookupError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [Application(importlib.import_module(f"applications.{name}")) for name in names or known]
