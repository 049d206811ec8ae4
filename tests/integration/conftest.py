"""The whole way of a request, with every front end and every handler model.

A server is started once for each combination and module; tests that stop it, or count what it has
open, start their own with the fixture `front`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from ashdtest.frontend import OURS, REFERENCE, FrontEnd
from ashdtest.sites import MODELS, site

# Where the reference front end is missing, the skipped tests of test_htparser_basic say so;
# hundreds more would say nothing.
HERE = [name for name in (OURS, REFERENCE) if name == OURS or shutil.which(name)]


@pytest.fixture(scope="module", params=HERE)
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
