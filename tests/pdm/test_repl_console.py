"""What people know from Python's own prompt."""

from __future__ import annotations

import sys
import threading

import pytest

from ashdtest.debugsocket import RawClient
from ashdtest.processes import wait_until


def test_echo_prints_pretty(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("echo({'key' * 10: list(range(30))})")
        assert len(lines) > 1
        assert status == "+OK"


def test_none_is_not_echoed_but_can_be(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("None") == ([], "+OK")
        assert client.run("echo(None)") == (["None"], "+OK")


def test_underscore_is_the_last_value(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("20 + 1")
        assert client.run("_ * 2") == (["42"], "+OK")
        client.run("None")
        client.run("x = 1")
        assert client.run("_") == (["42"], "+OK")


def test_last_exception(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("raise ValueError('one')")
        assert client.run("_exc") == (["ValueError('one')"], "+OK")
        assert client.run("import sys; print(repr(sys.last_value))") == (
            ["ValueError('one')"],
            "+OK",
        )
        lines, _ = client.run("import traceback; traceback.print_exception(sys.last_value)")
        assert lines[-1] == "ValueError: one"
    wait_until(lambda: not hasattr(sys, "last_value"), what="the exception to be forgotten")


def test_each_connection_has_its_own_names_and_last_values(address: str) -> None:
    with RawClient(address, "repl") as one, RawClient(address, "repl") as two:
        one.run("x = 'mine'")
        one.run("'one'")
        one.run("1/0")
        assert two.run("x")[1] == "+EXC"
        assert two.run("_") == ([], "+OK")
        two.run("raise KeyError")
        assert one.run("type(_exc).__name__, _") == (["('ZeroDivisionError', 'one')"], "+OK")


def test_await_at_the_top(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("import asyncio")
        assert client.run("await asyncio.sleep(0, 'value')") == (["'value'"], "+OK")
        assert client.run("x = await asyncio.sleep(0, 7)\nprint(x)") == (["7"], "+OK")
        code = "async with asyncio.timeout(5):\n    print('inside')"
        assert client.run(code) == (["inside"], "+OK")
        code = "async def g():\n    yield 1\nasync for x in g():\n    print(x)"
        assert client.run(code) == (["1"], "+OK")
        assert client.run("_") == (["'value'"], "+OK")


def test_the_event_loop_lives_on_between_commands(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("import asyncio\nevent = asyncio.Event()")
        client.run("async def wait():\n    await event.wait()\n    return 'woken'")
        client.run("task = asyncio.get_running_loop().create_task(wait()); await asyncio.sleep(0)")
        client.run("async def wake(): event.set()")
        client.run("await wake()")
        assert client.run("await task") == (["'woken'"], "+OK")


def test_exception_in_async_code(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("import asyncio\nawait asyncio.sleep(0)\n1/0")
        assert status == "+EXC"
        assert lines[-1].startswith("ZeroDivisionError")
        assert not any("asyncio/" in line for line in lines)


def test_future_statements_hold(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("from __future__ import annotations")
        client.run("def f(x: nothing): pass")
        assert client.run("f.__annotations__") == (["{'x': 'nothing'}"], "+OK")


def test_classes_dataclasses_and_source(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("import dataclasses, inspect")
        assert client.run("@dataclasses.dataclass\nclass A:\n    x: int = 1")[1] == "+OK"
        assert client.run("A()") == (["A(x=1)"], "+OK")
        client.run("def g():\n    return 5")
        assert client.run("print(inspect.getsource(g))")[0][0] == "def g():"


@pytest.mark.parametrize(
    "code", ["exit()", "raise SystemExit(3)", "raise KeyboardInterrupt", "quit()"]
)
def test_no_exception_ends_the_daemon_or_the_connection(address: str, code: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run(code)[1] == "+EXC"
        assert client.run("1") == (["1"], "+OK")
    assert not sys.stdin.closed


def test_standard_input_is_empty(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("input()")
        assert (lines[-1].split(":")[0], status) == ("EOFError", "+EXC")
        assert client.run("import sys; sys.stdin.read()")[1] == "+OK"


@pytest.mark.parametrize(
    "code",
    [
        "class R:\n    def __repr__(self): 1/0\necho(R())",
        "class E(Exception):\n    def __str__(self): 1/0\nraise E",
        "(" * 300 + ")" * 300,
        "x = " + "-" * 100_000 + "1",
        "def f(): f()\nf()",
        "'\\0' and compile('\\0', '', 'eval')",
        "a\0b",
        "raise ExceptionGroup('g', [ValueError(1), KeyError(2)])",
        "import sys\nsys.stdout.buffer.write(b'x')\nsys.stdout.fileno()",
        "print(1, file=5)",
        "1 if",
        "\tx\n y",
    ],
)
def test_broken_code_is_an_exception(address: str, code: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run(code)[1] == "+EXC"
        assert client.run("1") == (["1"], "+OK")


def test_many_connections_run_at_once(address: str) -> None:
    clients = [RawClient(address, "repl") for _ in range(20)]
    for number, client in enumerate(clients):
        code = f"import time\nfor i in range(20):\n    print({number}, i)\n    time.sleep(0.001)"
        client.send(code.encode() + b"\n\n")
    for number, client in enumerate(clients):
        assert client.output() == ([f"{number} {i}" for i in range(20)], "+OK")
        client.close()
    assert threading.current_thread() is threading.main_thread()
