"""A command that hangs, or prints for ever, ends when its client leaves, and nothing else does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import srv
from ashdtest.debugsocket import RawClient
from ashdtest.processes import wait_until

pytestmark = pytest.mark.untraceable

ENDLESS = {
    "loop": "while True: pass",
    "print": "while True: print('x' * 1000)",
    "print and catch": "while True:\n    try: print('x')\n    except Exception: pass",
    "short sleeps": "import time\nwhile True: time.sleep(0.01)",
    "swallow all": (
        "n = 0\nwhile n < 5:\n  try:\n    while True: pass\n  except BaseException: n += 1"
    ),
    "await": "import asyncio\nawait asyncio.sleep(3600)",
    "await in a loop": "import asyncio\nwhile True: await asyncio.sleep(0)",
    "finally": "try:\n    while True: pass\nfinally:\n    objects.cleaned = True",
    "generator": "sum(iter(lambda: 1, 2))",
    "thread join": "import threading\nt = threading.Event()\nwhile not t.wait(0.01): pass",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS.keys())
def test_leaving_interrupts(address: str, module: Any, code: str) -> None:
    module.ident = None
    with RawClient(address, "repl") as client:
        client.run("import sys, threading\nobjects = sys.modules['pdm_test_objects']")
        client.send(b"objects.ident = threading.get_ident()\n" + code.encode() + b"\n\n")
        wait_until(lambda: module.ident is not None)
    wait_until(lambda: module.ident not in [thread.ident for thread in threading.enumerate()])
    with RawClient(address, "repl") as client:
        assert client.run("1") == (["1"], "+OK")


def test_code_can_be_profiled(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("1") == (["1"], "+OK")
        client.run("import cProfile")
        assert client.run("cProfile.Profile().runcall(lambda: 6 * 7)") == (["42"], "+OK")


def test_cleanup_runs(address: str, module: Any) -> None:
    module.cleaned = module.started = False
    with RawClient(address, "repl") as client:
        code = (
            "import sys\no = sys.modules['pdm_test_objects']\n"
            "try:\n    o.started = True\n    while True: pass\nfinally:\n    o.cleaned = True"
        )
        client.send(code.encode() + b"\n\n")
        wait_until(lambda: module.started)
    wait_until(lambda: module.cleaned)


def test_a_client_that_never_reads_is_dropped(place: Path) -> None:
    limits = srv.Limits(send_timeout=0.2)
    with srv.listen(str(place / "s"), limits=limits), RawClient(str(place / "s"), "repl") as client:
        client.send(b"while True: print('x' * 1000)\n\n")
        wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])
        with RawClient(str(place / "s"), "repl") as other:
            assert other.run("1") == (["1"], "+OK")


def test_over_tcp_an_end_of_file_gives_grace(place: Path) -> None:
    limits = srv.Limits(half_close_grace=0.2)
    with srv.listen("127.0.0.1:0", limits=limits) as listener:
        (target,) = listener.addresses
        assert isinstance(target, tuple)
        with RawClient(target) as client:
            client.send(b"repl\nprint(1)\n\nprint(2)\n\n")
            client.socket.shutdown(1)
            assert client.rest() == b"+PDM1\n+REPL\n 1\n+OK\n 2\n+OK\n"
        with RawClient(target, "repl") as client:
            client.send(b"while True: pass\n\n")
        wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])


def test_close_interrupts_what_runs(place: Path) -> None:
    listener = srv.listen(str(place / "s"))
    with RawClient(str(place / "s"), "repl") as client:
        client.send(b"print('on')\nwhile True: pass\n\n")
        assert client.line() == b" on\n"
        listener.close()
        assert client.rest() == b""
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("ashd-pdm")])
