from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ashd.pdm import srv
from ashdtest.processes import wait_until


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name: the address of a socket has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="pdm") as name:
        yield Path(name)


@pytest.fixture
def address(place: Path) -> Iterator[str]:
    """A debug socket of this process. No thread of the server may be left when it is closed."""
    path = str(place / "debug")
    with srv.listen(path):
        yield path
    wait_until(lambda: not server_threads(), what="threads of the server to end")


@pytest.fixture
def module() -> Iterator[ModuleType]:
    """An imported module, whose objects clients can look at."""
    made = ModuleType("pdm_test_objects")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def server_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ashd-pdm")]
