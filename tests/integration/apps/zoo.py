"""Every application of this folder behind one server: the first segment of the path names it.

The segment goes over to SCRIPT_NAME, as a WSGI dispatcher does it (PEP 3333).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import shift_path_info


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    name = shift_path_info(environ)
    module = importlib.import_module(name or "hello")
    result: Iterable[bytes] = module.application(environ, start_response)
    return result
