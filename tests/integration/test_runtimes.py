"""What Python has beside threads, used by applications under every model.

docs/guides/applications.md says what is supported, and what isn't.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.builds import BUILD
from ashdtest.cases import about
from ashdtest.commands import attempt, command, each_model, module
from ashdtest.handlers import Handler, running
from ashdtest.processes import children, descriptor_count, wait_until
from ashdtest.wsgiprograms import PATIENCE, wsgi

SHOWN = {
    "asyncio": b"0 1 2 inside",
    "asyncio and a program": b"from a program",
    "async generator": b"0 1 2 ",
    "interpreter": b"whole",
    "fork": b"by fork",
    "spawn": b"by spawn",
    "forkserver": b"by forkserver",
    "greenlet": b"from a greenlet",
}

QUICK = ("asyncio", "async generator", "interpreter", "fork", "greenlet")


def ask(handler: Handler, way: str) -> bytes:
    return handler.call(f"/{quote(way)}".encode(), timeout=PATIENCE).body


@each_model
def test_what_python_has_beside_threads(model: str) -> None:
    pytest.importorskip("greenlet")
    with wsgi("runtime_app", "-t", model) as handler:
        for way, shown in SHOWN.items():
            with about(way):
                assert ask(handler, way) == shown
        before = descriptor_count(handler.pid), len(children(handler.pid))
        for way in QUICK:
            with about(f"{way} again"):
                assert ask(handler, way) == SHOWN[way]
        wait_until(lambda: descriptor_count(handler.pid) <= before[0])
        wait_until(lambda: len(children(handler.pid)) <= before[1])
    assert "Traceback" not in handler.log


INTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
identifier = interpreters.create()
code = "import ashd.proto, ashd.util, ashd.wsgi, ashd.htparser, ashd.wsgi._main"
print(getattr(interpreters, "exec", interpreters.run_string)(identifier, code))
interpreters.destroy(identifier)
"""


@pytest.mark.skipif(BUILD == "compiled", reason="mypyc's modules are for the main interpreter")
def test_our_modules_in_a_subinterpreter() -> None:
    argv = [sys.executable, "-c", INTERPRETER]
    assert subprocess.run(argv, capture_output=True, check=True).stdout == b"None\n"


HANDLES_SIGNALS = """
import asyncio, os, signal
async def wait_for_signal():
    came = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, came.set)
    os.kill(os.getpid(), signal.SIGUSR2)
    await came.wait()
def application(environ, start_response):
    asyncio.run(wait_for_signal())
    start_response("200 OK", [])
    return [b"came"]
"""


def test_a_program_stops_after_a_loop_had_its_signals(tmp_path: Path) -> None:
    """A loop in the main thread takes over where Python tells of signals, and leaves nothing."""
    with running(
        command("-t", "single", "-Ap", module(tmp_path, HANDLES_SIGNALS), "app")
    ) as handler:
        for _ in range(2):
            assert handler.call().body == b"came"
        handler.process.terminate()
        assert handler.process.wait(PATIENCE) == 0


GEVENT = """
from gevent import monkey
monkey.patch_all({options})
import gevent, time
def application(environ, start_response):
    gevent.joinall([gevent.spawn(time.sleep, 0.001) for _ in range(3)])
    start_response("200 OK", [])
    return pieces()
def pieces():
    for number in range(3):
        time.sleep(0.001)
        yield b"%d" % number
"""

HARMLESS = "thread=False, select=False, os=False, signal=False"


def test_patched_threads_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    for options in ("", "select=False, os=False", "thread=False", "thread=False, select=False"):
        folder = module(tmp_path, GEVENT.format(options=options))
        with about(options):
            outcome = attempt(command("-Ap", folder, "app"))
            assert outcome.status == 1
            assert "gevent has replaced" in outcome.stderr
            assert HARMLESS in outcome.stderr


@pytest.mark.parametrize("model", ["pool", "single"])
def test_what_gevent_may_replace(tmp_path: Path, model: str) -> None:
    """Its loop stays with its thread, so threads have to stay as well."""
    pytest.importorskip("gevent")
    folder = module(tmp_path, GEVENT.format(options=HARMLESS))
    with running(command("-t", model, "-Ap", folder, "app")) as handler:
        for _ in range(100):
            assert handler.call(timeout=PATIENCE).body == b"012"
        assert descriptor_count(handler.pid) < 50
