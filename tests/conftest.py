"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How fast a machine makes examples says nothing about the program. CI takes the same ones always.
settings.register_profile(
    "ashd",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("ashd")
