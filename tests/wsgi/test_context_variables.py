"""Context variables: each request has its own, whatever thread it runs in."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ashdtest.commands import command, each_model, module
from ashdtest.exchanges import Serve
from ashdtest.handlers import running

SOURCE = """
import contextvars
user = contextvars.ContextVar("user", default="nobody")

def application(environ, start_response):
    before = user.get()
    user.set("somebody")
    start_response("200 OK", [])
    yield before.encode()
    user.set("other")
"""


@each_model
def test_no_request_sees_what_another_has_set(model: str, tmp_path: Path) -> None:
    folder = module(tmp_path, SOURCE)
    with running(command("-t", model, "-Ap", folder, "app")) as handler:
        for _ in range(200):  # enough for a thread to keep its role over several requests
            assert handler.call().body == b"nobody"


def test_the_iterable_sees_what_the_call_has_set(serve: Serve) -> None:
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield user.get().encode()

        def close(self) -> None:
            seen.append(user.get())

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        user.set("somebody")
        start_response("200 OK", [])
        return Body()

    server = serve(application)
    assert server.call().body == b"somebody"
    assert server.call().body == b"somebody"
    assert seen == ["somebody"] * 2
