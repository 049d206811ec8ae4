"""The whole way of a request, with every front end and every handler model.

A server is started once for each combination and module; tests that stop it, or count what it has
open, start their own with the fixture `front`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ashdtest.frontend import FRONT_ENDS, FrontEnd
from ashdtest.sites import MODELS, site


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
