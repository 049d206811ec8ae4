"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from ashdtest.debugdaemon import SOURCE, Daemon, running_daemon

# How fast a machine makes examples says nothing about the program. CI takes the same ones always.
settings.register_profile(
    "ashd",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("ashd")


@pytest.fixture(scope="module")
def daemon(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A daemon with a debug socket, for one module of tests, which may have its `SOURCE`."""
    with running_daemon(getattr(request.module, "SOURCE", SOURCE)) as found:
        yield found
