from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec

import pytest

from ashdtest.exchanges import WAYS, Serve, served

collect_ignore = [] if find_spec("opentelemetry") else ["test_otel.py"]
"""The session `free_threaded` has nothing that is optional."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """How exchanges are run; a test that uses it runs once for each way."""
    return str(request.param)


@pytest.fixture
def serve(way: str) -> Iterator[Serve]:
    """Serves an application until the test ends, in both ways one after the other."""
    with ExitStack() as stack:
        yield lambda application: stack.enter_context(served(application, way))
