"""Handler programs that are started, called, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ashd.proto import HandlerGoneError, QueueFullError, Request, SpawnError
from ashd.util import (
    PersistentChild,
    call_handler,
    parse_response,
    pchild,
    spawn_handler,
    spawn_transient,
    stdfork,
    transient_environment,
)
from ashdtest.cases import about
from ashdtest.handlers import read_all
from ashdtest.processes import children, descriptors, exists, state, wait_until

HANDLER = """
import os, signal, sys
from ashd.util import respond, serve_loop

def handle(request):
    if request.rest == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    if request.rest == b"descriptors":
        return respond(request, " ".join(sorted(os.listdir("/proc/self/fd"))))
    respond(request, f"{os.getpid()} {os.getcwd()} {os.environ.get('MARK')} {sys.argv[1:]}")

serve_loop(handle)
"""

# One of the descriptors is the response socket, one the listing itself.
DESCRIPTORS = b"0 1 2 3 4"

TRANSIENT = """
import os, sys
names = sorted(name for name in os.environ if name[:4] == "REQ_" or name == "HTTP_VERSION")
env = {name: os.environ[name] for name in names}
facts = (sys.argv[1:], env, sorted(os.listdir("/proc/self/fd")), os.getcwd(), sys.stdin.read())
sys.stdout.write(f"HTTP/1.1 200 OK\\n\\n{facts!r}")
"""


def program(source: str = HANDLER, *args: str) -> list[str]:
    return [sys.executable, "-c", source, *args]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = descriptors()
    yield
    wait_until(lambda: not children(), what="the end of all children")
    assert descriptors() == before


class Client:
    """A request, and the client's end of its response socket."""

    def __init__(self, rest: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(20)
        self.request = Request(
            b"GET", b"/" + rest, b"HTTP/1.1", rest, headers or [], theirs.detach()
        )

    def answer(self) -> bytes:
        self.request.close()
        self.socket.shutdown(socket.SHUT_WR)
        return parse_response(read_all(self.socket)).body

    def close(self) -> None:
        self.request.close()
        self.socket.close()


def ask(child: PersistentChild, rest: bytes = b"") -> bytes:
    client = Client(rest)
    try:
        child.pass_request(client.request)
        return client.answer()
    finally:
        client.close()


def pid_of(answer: bytes) -> int:
    return int(answer.split()[0])


# Started by hand


def test_a_handler_is_started_and_told_to_end(tmp_path: Path) -> None:
    env = {**os.environ, "MARK": "here"}
    process, sock = spawn_handler(program(HANDLER, "-x", "y"), cwd=tmp_path, env=env)
    with sock:
        body = call_handler(sock, b"/", timeout=20).body
        assert body.decode() == f"{process.pid} {tmp_path} here ['-x', 'y']"
    assert process.wait(20) == 0


def test_a_handler_can_have_a_session_of_its_own() -> None:
    for own in (False, True):
        process, sock = spawn_handler(program(), start_new_session=own)
        with sock:
            assert (os.getsid(process.pid) == process.pid) is own
        process.wait(20)


def test_no_descriptor_leaks_into_a_handler() -> None:
    with open(os.devnull) as file:  # noqa: PTH123
        os.set_inheritable(file.fileno(), True)
        process, sock = spawn_handler(program())
    with sock:
        assert call_handler(sock, b"/descriptors", timeout=20).body == DESCRIPTORS
    process.wait(20)


@pytest.mark.parametrize("argv", [["/no/such/program"], ["no-such-program"], [os.devnull]])
def test_a_program_that_cannot_be_started(argv: list[str]) -> None:
    with pytest.raises(SpawnError, match=rf"{argv[0]} can't be started: \w+") as caught:
        spawn_handler(argv)
    assert caught.value.status == 502
    client = Client()
    with pytest.raises(SpawnError, match=argv[0]):
        spawn_transient(argv, client.request)
    assert client.request.untouched
    with PersistentChild(argv) as child, pytest.raises(SpawnError, match=argv[0]):
        child.pass_request(client.request)
    client.close()


def test_a_program_of_ones_own_that_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What new programs lack is named: the right to be run, a first line, the folder."""
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "hello.py"
    program.write_text("print()\n", encoding="utf-8")
    for mode, name, hint in [
        (0o644, "./hello.py", r"Permission denied \(make it executable: chmod \+x ./hello.py\)"),
        (0o755, "hello.py", r"\(it is not on PATH; for the one in this folder say ./hello.py\)"),
        (0o755, "./hello.py", r"\(a script's first line names its interpreter: #!/usr/bin/env "),
    ]:
        program.chmod(mode)
        with about(f"{name}, {mode:o}"), pytest.raises(SpawnError, match=hint):
            spawn_handler([name])
    program.write_text("#!/no/such/python\n", encoding="utf-8")
    with pytest.raises(SpawnError, match=r"\(its first line names an interpreter that is missing"):
        spawn_handler(["./hello.py"])


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(SpawnError, match="/no/such/folder"):
        spawn_handler(program(), cwd="/no/such/folder")


def test_an_argument_that_no_program_can_get() -> None:
    with pytest.raises(SpawnError, match="null"):
        spawn_handler([*program(), "a\0b"])


def test_the_originals_stdfork() -> None:
    fd = stdfork(program())
    assert pid_of(call_handler(fd, b"/", timeout=20).body) in children()
    os.close(fd)


# Transient handlers


def test_a_transient_handler_gets_everything(tmp_path: Path) -> None:
    client = Client(
        b"r\xc3\xbcst",
        [(b"Host", b"example.org"), (b"x-ash-port", b"80"), (b"A.b\xdf", b"\xff")],
    )
    client.socket.sendall(b"the body")
    spawn_transient(program(TRANSIENT, "own"), client.request, cwd=tmp_path)
    argv, env, fds, cwd, body = eval(client.answer())
    assert argv == ["own", "GET", "/r\u00fcst", "r\u00fcst"]
    assert env == {
        "HTTP_VERSION": "HTTP/1.1",
        "REQ_HOST": "example.org",
        "REQ_X_ASH_PORT": "80",
        "REQ_A_B_": "\udcff",
    }
    assert fds == ["0", "1", "2", "3"]
    assert cwd == str(tmp_path)
    assert body == "the body"


def test_the_body_is_the_transient_handlers_to_read() -> None:
    client = Client()
    process = spawn_transient(program(TRANSIENT), client.request)
    assert not client.request.untouched
    client.request.close()
    client.socket.sendall(b"x" * 300_000)
    assert b"x" * 300_000 in client.answer()
    wait_until(lambda: not exists(process.pid))


def test_a_client_cannot_forge_the_front_ends_variables() -> None:
    client = Client(headers=[(b"X-Ash-File", b"ours"), (b"X_Ash_File", b"theirs"), (b"A_b", b"c")])
    assert transient_environment(client.request) == {
        "HTTP_VERSION": "HTTP/1.1",
        "REQ_X_ASH_FILE": "ours",
        "REQ_A_B": "c",
    }
    client.close()


def test_of_headers_that_repeat_the_last_counts() -> None:
    client = Client(headers=[(b"X-Ash-File", b"first"), (b"X-Ash-File", b"second")])
    assert transient_environment(client.request)["REQ_X_ASH_FILE"] == "second"
    client.close()


def test_transient_handlers_are_reaped() -> None:
    started = []
    for _ in range(5):
        client = Client()
        started.append(spawn_transient(["true"], client.request).pid)
        client.close()
    wait_until(lambda: not any(map(state, started)))


# A child that is passed requests


def test_a_child_is_started_when_it_is_needed() -> None:
    with PersistentChild(program()) as child:
        assert [child.pid, *children()] == [None]
        assert pid_of(ask(child)) == child.pid
        assert pid_of(ask(child)) == child.pid


def test_the_environment_of_a_child(tmp_path: Path) -> None:
    with PersistentChild(program(HANDLER, "a b"), cwd=tmp_path) as child:
        assert ask(child).endswith(f"{tmp_path} None ['a b']".encode())
        assert ask(child, b"descriptors") == DESCRIPTORS


def test_the_caller_keeps_its_request() -> None:
    with PersistentChild(program()) as child:
        client = Client()
        child.pass_request(client.request)
        assert client.request.fileno() >= 0
        assert not client.request.untouched
        client.answer()


def test_a_child_that_was_killed_is_reaped_and_started_again() -> None:
    with PersistentChild(program()) as child:
        first = pid_of(ask(child))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not exists(first), what="the zombie's end")
        wait_until(lambda: child.pid is None)
        second = pid_of(ask(child))
        assert second not in (first, None)
        assert child.pid == second


def test_a_child_that_dies_of_a_request() -> None:
    with PersistentChild(program()) as child:
        client = Client(b"die")
        child.pass_request(client.request)
        client.request.close()
        with suppress(ConnectionResetError):
            assert client.socket.recv(1) == b""
        client.close()
        wait_until(lambda: child.pid is None)
        assert ask(child)


def test_without_restart_the_caller_is_told() -> None:
    with PersistentChild(program(), restart=False) as child:
        os.kill(pid_of(ask(child)), signal.SIGKILL)
        wait_until(lambda: child.pid is None)
        client = Client()
        for _ in range(2):
            with pytest.raises(HandlerGoneError):
                child.pass_request(client.request)
        child.spawn()
        client.close()
        assert ask(child)


def test_a_child_that_dies_at_once() -> None:
    with PersistentChild(program("raise SystemExit(3)")) as child:
        for _ in range(3):
            client = Client()
            with suppress(HandlerGoneError):
                child.pass_request(client.request)
            client.request.close()
            assert client.socket.recv(1) == b""
            client.close()


def fill(child: PersistentChild) -> None:
    """Pass requests on until the child's socket takes no more."""
    client = Client(headers=[(b"X", b"x" * 50_000)])
    with suppress(QueueFullError):
        while True:
            child.pass_request(client.request, wait=False)
    client.close()


def pass_on_without_end(child: PersistentChild, clients: list[Client]) -> None:
    while True:
        clients.append(Client())
        child.pass_request(clients[-1].request)
        clients[-1].request.close()


def test_a_child_that_takes_nothing_stops_nobody() -> None:
    with PersistentChild(["sleep", "1000"], timeout=0.01) as child:
        fill(child)
        client = Client()
        child.pass_request(client.request)
        client.request.close()
        assert read_all(client.socket).startswith(b"HTTP/1.1 503 ")
        pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_requests_wait_for_a_child_until_there_are_too_many() -> None:
    with PersistentChild(["sleep", "1000"], restart=False) as child:
        fill(child)
        clients: list[Client] = []
        with pytest.raises(QueueFullError, match="requests wait for sleep already"):
            pass_on_without_end(child, clients)
        with pytest.raises(QueueFullError):  # others come first
            child.pass_request(clients[-1].request, wait=False)
        clients.pop().close()
        assert len(clients) >= 256
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        for client in clients:
            assert read_all(client.socket).startswith(b"HTTP/1.1 502 ")


def test_what_waits_for_a_child_is_handed_over_before_it_is_closed(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = PersistentChild(program(f"open({str(gate)!r}).close()\n{HANDLER}"))
    fill(child)
    clients = [Client() for _ in range(20)]
    for client in clients:
        child.pass_request(client.request)
    child.close()
    with gate.open("wb"):
        pass
    assert len({pid_of(client.answer()) for client in clients}) == 1
    for client in clients:
        client.close()


def test_closing_lets_a_child_finish() -> None:
    child = PersistentChild(program())
    clients = [Client() for _ in range(5)]
    for client in clients:
        child.pass_request(client.request)
    child.close()
    child.close()
    assert child.pid is None
    assert len({pid_of(client.answer()) for client in clients}) == 1


def test_a_child_can_be_used_after_closing() -> None:
    with PersistentChild(program()) as child:
        first = pid_of(ask(child))
        child.close()
        assert pid_of(ask(child)) != first


def test_spawn_replaces_the_child() -> None:
    with PersistentChild(program()) as child:
        first = pid_of(ask(child))
        child.spawn()
        wait_until(lambda: not exists(first))
        assert pid_of(ask(child)) == child.pid != first


def test_threads_share_a_child_that_dies() -> None:
    answers: list[int] = []
    lock = threading.Lock()  # guards the list

    def work() -> None:
        for _ in range(20):
            pid = pid_of(ask(child))
            with lock:
                answers.append(pid)

    def run_threads() -> None:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    with PersistentChild(program()) as child:
        run_threads()
        first = child.pid
        assert first is not None
        assert answers == [first] * 80
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: child.pid is None)
        answers.clear()
        run_threads()
        assert answers == [child.pid] * 80


def test_the_originals_pchild() -> None:
    with pchild(program(), True) as child:
        assert child.fd == -1
        client = Client()
        child.passreq(client.request)
        first = pid_of(client.answer())
        assert pid_of(call_handler(child.fd, b"/", timeout=20).body) == first
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not exists(first))
        assert ask(child)
    with pchild(program()) as child:
        os.kill(pid_of(ask(child)), signal.SIGKILL)
        wait_until(lambda: child.pid is None)
        client = Client()
        with pytest.raises(HandlerGoneError):
            child.passreq(client.request)
        client.close()


# Initialization in the child

WITH_INITIALIZATION = """
import os, sys, threading
from ashd.proto import SpawnError
from ashd.util import call_handler, pchild, spawn_handler

def initialize():
    os.environ  # runs between fork and exec
    os.chdir("/usr")

handler = [sys.executable, "-c", '''
import os
from ashd.util import respond, serve_loop
serve_loop(lambda request: respond(request, os.getcwd()))
''']
for _ in range(2):
    process, sock = spawn_handler(handler, child_init=initialize)
    with pchild(handler, chinit=initialize) as child:
        child.spawn()
        print(call_handler(sock, b"/").body.decode(), end=" ")
    sock.close()
    process.wait()

def fail():
    raise RuntimeError

try:
    spawn_handler(handler, child_init=fail)
except SpawnError as error:
    print("initialization function failed" in str(error), end=" ")

done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
try:
    spawn_handler(handler, child_init=initialize)
except SpawnError as error:
    print("this process has threads" in str(error))
done.set()
"""


def test_initialization_runs_unless_threads_could_hang_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_INITIALIZATION], capture_output=True, check=True, timeout=60
    )
    assert done.stdout == b"/usr /usr True True\n"
