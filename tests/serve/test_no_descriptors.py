"""A receiving call that has no descriptor for a request: the handler waits, says so and goes on.

Linux cuts the ancillary data instead (tests/proto); other systems and sandboxes fail like this.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ashdtest.handlers import running_python
from ashdtest.wsgiprograms import MODEL_OPTIONS, PATIENCE, wsgi

SERVE = """
socket.socket.recvmsg_into = fail_first

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""

PATCH = """
import errno, os, socket
real = socket.socket.recvmsg_into
failures = [errno.{error}] * 3

def fail_first(self, *args):
    if failures:
        error = failures.pop()
        raise OSError(error, os.strerror(error))
    return real(self, *args)
"""

LOOP = """
socket.socket.recvmsg_into = fail_first
from ashd.util import respond, serveloop
serveloop(lambda request: respond(request, "served"))
"""

errors = pytest.mark.parametrize("error", ["EMFILE", "ENFILE"])
SAID = "requests wait until descriptors are free: Too many open files"


@errors
@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_every_model(options: tuple[str, ...], error: str, tmp_path: Path) -> None:
    (tmp_path / "short_app.py").write_text(PATCH.format(error=error) + SERVE)
    with wsgi("short_app", *options, apps=tmp_path) as handler:
        for _ in range(5):
            assert handler.call(timeout=PATIENCE).body == b"served"
        assert SAID in handler.log


@errors
def test_the_loop_of_a_handler(error: str) -> None:
    with running_python(PATCH.format(error=error) + LOOP) as handler:
        assert handler.call(timeout=PATIENCE).body == b"served"
        assert handler.log.count(SAID) == 1
