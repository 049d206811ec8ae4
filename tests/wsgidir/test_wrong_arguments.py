"""`ashd-wsgi ashd.wsgidir` with arguments that make no sense."""

from __future__ import annotations

from ashdtest.handlers import running
from ashdtest.processes import program


def test_wrong_arguments_are_one_clear_line() -> None:
    with running([program("ashd-wsgi"), "ashd.wsgidir", ".fpy"], status=1) as handler:
        handler.process.wait()
        assert handler.log.startswith("ashd-wsgi: '.fpy' is not of the form .EXT=HANDLER")
        assert handler.log.count("\n") == 1
