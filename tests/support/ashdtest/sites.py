"""Applications behind `ashd-wsgi` behind a front end: the whole way of a request.

    with site("hello", front="ashd-htparser", model="free") as server:
        httpx.get(server.url)

The modules are those of tests/integration/apps, unless another folder is given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from .frontend import OURS, FrontEnd, front_end
from .processes import program

SUPPORT = Path(__file__).parents[1]
APPS = SUPPORT.parent / "integration" / "apps"


def wsgi_command(module: str, *, model: str = "free", path: Path = APPS) -> list[str]:
    """Return the command of a handler that serves the `application` of a module."""
    return [program("ashd-wsgi"), "-t", model, "-p", str(SUPPORT), "-p", str(path), "-A", module]


def site(
    module: str,
    *,
    front: str = OURS,
    model: str = "free",
    path: Path = APPS,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    status: int | None = 0,
) -> AbstractContextManager[FrontEnd]:
    """Serve a module's `application` for the length of a block.

    `options` and `status` are the front end's.
    """
    return front_end(
        wsgi_command(module, model=model, path=path),
        name=front,
        options=options,
        env={**os.environ, **(env or {})},
        status=status,
    )
