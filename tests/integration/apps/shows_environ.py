"""Gives the strings of the environ as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps(shown).encode()]
