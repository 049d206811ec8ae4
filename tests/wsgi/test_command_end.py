"""Standard input of `ashd-wsgi`, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from ashdtest.commands import HELLO, attempt, command, each_model, module
from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import DEADLINE, MODELS, state, wait_until

CHILDREN = """
import subprocess, sys
CODE = '''
import os
print([os.readlink(f"/proc/self/fd/{name}") for name in sorted(os.listdir("/proc/self/fd"))
       if os.path.exists(f"/proc/self/fd/{name}") and name not in "12"])
'''
def descriptors():
    return subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE).stdout
AT_IMPORT = descriptors()
def application(environ, start_response):
    start_response("200 OK", [])
    return [AT_IMPORT, descriptors(), repr(sys.stdin.read()).encode()]
"""


@each_model
def test_children_of_the_application_get_no_socket(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, CHILDREN), "app")
    with running(argv) as handler:
        lines = handler.call().body.splitlines()
    assert lines == [b"['/dev/null']", b"['/dev/null']", b"''"]


WAITING = """
import socket, sys
def application(environ, start_response):
    if environ["PATH_INFO"] != "/":
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(environ["PATH_INFO"])
            waiting.recv(1)
    start_response("200 OK", [])
    yield b"waited"
"""


def waiting_request(handler: Handler, path: Path) -> tuple[socket.socket, socket.socket]:
    """Start a request that waits; return the client, and what is closed to end the waiting."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(DEADLINE)
        client = handler.open(os.fsencode(path))
        return client, listening.accept()[0]


@each_model
@pytest.mark.parametrize("way", ["end-of-file", signal.SIGTERM, signal.SIGINT])
def test_an_idle_program_ends(tmp_path: Path, model: str, way: signal.Signals | str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv) as handler:
        assert handler.call().body == b"waited"
        if isinstance(way, signal.Signals):
            handler.process.send_signal(way)
            assert handler.process.wait(DEADLINE) == 0
    assert handler.log == ""


@each_model
@pytest.mark.parametrize("way", ["end-of-file", signal.SIGTERM, signal.SIGINT])
def test_running_requests_are_finished_first(
    tmp_path: Path, model: str, way: signal.Signals | str
) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv) as handler:
        client, gate = waiting_request(handler, tmp_path / "gate")
        if isinstance(way, signal.Signals):
            handler.process.send_signal(way)
            wait_until(lambda: not catches(handler.pid, way), what="the signal to be seen")
        else:
            handler.socket.shutdown(socket.SHUT_WR)
        assert handler.process.poll() is None
        gate.close()
        assert read_all(client).endswith(b"waited")
        assert handler.process.wait(DEADLINE) == 0


@each_model
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, model: str, number: signal.Signals
) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv, status=-number) as handler:
        client, gate = waiting_request(handler, tmp_path / "gate")
        with client, gate:
            handler.process.send_signal(number)
            wait_until(lambda: not catches(handler.pid, number), what="the signal to be seen")
            handler.process.send_signal(number)
            assert handler.process.wait(DEADLINE) == -number


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in text.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


STUBBORN = """
import threading
def application(environ, start_response):
    threading.Thread(target=threading.Event().wait, name="forever", daemon=False).start()
    start_response("200 OK", [])
    return []
"""


def test_threads_of_the_application_do_not_keep_it(tmp_path: Path) -> None:
    folder = module(tmp_path, STUBBORN)
    with ExitStack() as stack:
        handlers = [
            stack.enter_context(running(command("-t", model, "-Ap", folder, "app")))
            for model in MODELS
        ]
        for handler in handlers:
            handler.call()
            handler.socket.shutdown(socket.SHUT_WR)  # so that they wait at the same time
    for handler in handlers:
        assert "not waiting for the application's threads (forever)" in handler.log


def test_exit_functions_of_the_application_run(tmp_path: Path) -> None:
    source = "import atexit, sys; atexit.register(lambda: sys.stderr.write('goodbye'))\n" + HELLO
    with running(command("-Ap", module(tmp_path, source), "app")) as handler:
        handler.call()
    assert handler.log == "goodbye"


def test_it_sleeps_while_there_is_nothing_to_do(tmp_path: Path) -> None:
    for model in MODELS:
        with running(command("-t", model, "-Ap", module(tmp_path, HELLO), "app")) as handler:
            handler.call()
            wait_until(partial(sleeps, handler.pid), what="the handler to sleep")


def sleeps(pid: int) -> bool:
    return state(pid) == "S"


OUT_OF_THREADS = """
import resource, threading
from ashd.wsgi._shutdown import bound_exit
threading.stack_size(1 << 31)
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
bound_exit(0)
"""


def test_a_want_of_threads_does_not_spoil_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_THREADS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


ALL_IS_ANSWERED = """
import socket, threading
from ashd.wsgi._shutdown import Shutdown
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
theirs.close()
Shutdown(theirs, lambda: None, 0)
for thread in threading.enumerate():
    if thread.name == "shutdown":
        thread.join()
ours.close()
"""


def test_an_end_that_outruns_the_thread_that_bounds_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALL_IS_ANSWERED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_front_end_that_is_gone_before_it_is_told_of_a_start(tmp_path: Path) -> None:
    argv = command("-Ap", module(tmp_path, HELLO), "app")
    assert attempt(["env", "ASHD_TELL_READY=1", *argv]).stderr == ""
