"""The whole way of a request, with every front end and every handler model.

A server is started once for each combination and module; tests that stop it, or count what it has
open, start their own with the fixture `front`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashdtest import dirplexes, frontend
from ashdtest.frontend import FRONT_ENDS, FrontEnd
from ashdtest.processes import MODELS
from ashdtest.sites import site

REFERENCES = {frontend.REFERENCE, dirplexes.REFERENCE}
REFERENCE_LIMIT = 60
"""Seconds for a test under a reference program, which may wait for ever where ours gives up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit the time of every test that is parametrised over a reference program."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        if parameters is not None and any(
            isinstance(value, str) and value in REFERENCES for value in parameters.params.values()
        ):
            item.add_marker(pytest.mark.timeout(REFERENCE_LIMIT))


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A named pipe, at which a handler waits until somebody opens its other end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module", params=FRONT_ENDS)
def front(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def zoo(front: str, model: str) -> Iterator[FrontEnd]:
    """All applications of apps/ behind one server, each under its own name."""
    with site("zoo", front=front, model=model) as server:
        yield server
