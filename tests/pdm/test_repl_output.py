"""What REPL code prints goes to its client, from its own thread only; the daemon's streams are
untouched.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from typing import Any

from ashdtest.debugsocket import RawClient
from ashdtest.processes import wait_until

WAIT = "import sys\nevents = sys.modules['pdm_test_objects']\n"


def test_both_streams_go_to_the_client(address: str, capsys: object) -> None:
    with RawClient(address, "repl") as client:
        code = (
            "import sys\nprint('out')\nprint('err', file=sys.stderr)\n"
            "sys.stdout.writelines(['a\\n', 'b'])"
        )
        assert client.run(code) == (["out", "err", "a", "b"], "+OK")
        assert client.run("sys.stdout.isatty(), sys.stdout.encoding") == (
            ["(False, 'utf-8')"],
            "+OK",
        )
        assert client.run("_ = sys.stdout.buffer.write(b'bytes\\n')") == (["bytes"], "+OK")


def test_streams_are_like_any_others(address: str) -> None:
    with RawClient(address, "repl") as client:
        code = (
            "import sys\nwith sys.stdout as out: print('in', end='', file=out)\nprint('side')\n"
            "print(list(sys.stdin), next(sys.stdin, 'nothing'))"
        )
        assert client.run(code) == (["inside", "[] nothing"], "+OK")
        assert client.run("print('a\\ud800')") == (["a\\ud800"], "+OK")
        for wrong in ("sys.stdout.write(b'')", "sys.stdout.fileno()", "sys.stdout.nothing"):
            assert client.run(wrong)[1] == "+EXC"


def test_output_is_streamed(address: str, module: Any) -> None:
    module.go = threading.Event()
    with RawClient(address, "repl") as client:
        client.send(WAIT.encode() + b"print('first')\nevents.go.wait()\nprint('second')\n\n")
        assert client.line() == b" first\n"
        module.go.set()
        assert client.output() == (["second"], "+OK")


def test_other_threads_print_where_they_did(address: str, module: Any) -> None:
    module.running, module.go = threading.Event(), threading.Event()
    daemon = io.StringIO()
    with contextlib.redirect_stdout(daemon), RawClient(address, "repl") as client:
        code = (
            f"{WAIT}import threading\nevents.running.set()\nevents.go.wait()\n"
            "t = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join()\n"
            "print('mine')"
        )
        client.send(code.encode() + b"\n\n")
        assert module.running.wait(20)
        print("the daemon's")
        module.go.set()
        assert client.output() == (["mine"], "+OK")
    assert daemon.getvalue() == "the daemon's\nfrom a thread\n"


def test_streams_are_put_back(address: str) -> None:
    before = sys.stdin, sys.stdout, sys.stderr
    with RawClient(address, "repl") as client:
        client.run("print(1)")
        client.run("1/0")
        wait_until(lambda: (sys.stdin, sys.stdout, sys.stderr) == before)


def test_somebody_else_replaces_stdout_while_a_command_runs(address: str, module: Any) -> None:
    module.running, module.go = threading.Event(), threading.Event()
    before = sys.stdout
    mine = io.StringIO()
    with RawClient(address, "repl") as client, RawClient(address, "repl") as other:
        client.send(WAIT.encode() + b"events.running.set()\nevents.go.wait()\nprint('late')\n\n")
        assert module.running.wait(20)
        with contextlib.redirect_stdout(mine):
            print("redirected")
            assert other.run("print('other')") == (["other"], "+OK")
            module.go.set()
            client.output()
            print("redirected again")
        assert other.run("print('after')") == (["after"], "+OK")
    sys.stdout = before
    assert mine.getvalue().startswith("redirected\n")
    assert mine.getvalue().endswith("redirected again\n")


def test_a_daemon_without_stdout(address: str) -> None:
    before = sys.stdout
    sys.stdout = None
    try:
        with RawClient(address, "repl") as client:
            assert client.run("print('here')") == (["here"], "+OK")
        print("nowhere")
    finally:
        wait_until(lambda: sys.stdout is None)
        sys.stdout = before


def test_long_lines_are_broken(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("print('x' * 1_000_000)")
        assert status == "+OK"
        assert "".join(lines) == "x" * 1_000_000
        assert max(map(len, lines)) <= 2 << 16


def test_endless_line_without_newline_is_streamed(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"import sys\nwhile True: sys.stdout.write('y' * 1000)\n\n")
        assert client.line().strip() == client.line().strip()


def test_help_and_a_fork_work(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("help(len)")
        assert status == "+OK"
        assert any("len(" in line for line in lines)
        code = (
            "import os, warnings\nwith warnings.catch_warnings(action='ignore'):\n"
            "    pid = os.fork()\nif not pid: os._exit(7)\nprint(os.waitpid(pid, 0)[1] >> 8)"
        )
        assert client.run(code) == (["7"], "+OK")
        assert client.run("os.getpid()") == ([str(os.getpid())], "+OK")
