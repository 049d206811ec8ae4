"""ashd-htparser --processes: several front ends, one root handler."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ashd.htparser._parent import VARIABLE
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader, Reply
from ashdtest.processes import (
    children,
    descriptors,
    exists,
    program,
    python_environment,
    wait_until,
)

COUNT = 3


def get(path: str = "/echo") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()


def ask(sock: socket.socket, request: bytes) -> Reply:
    sock.sendall(request)
    return Reader(sock).reply()


def workers(server: FrontEnd) -> list[int]:
    return [pid for pid in children(server.pid) if pid != server.handler_pid]


@contextmanager
def front_ends(*options: str, count: int = COUNT, status: int | None = 0) -> Iterator[FrontEnd]:
    """Run some, and see that none is left in the end."""
    with front_end(HANDLER, options=[f"--processes={count}", *options], status=status) as server:
        server.wait_for_log("listening on")
        pids = workers(server)
        assert len(pids) == count
        yield server
        if server.process.poll() is None:
            server.terminate()
        server.wait()
        for pid in pids:
            wait_until(lambda: not exists(pid))  # noqa: B023 - called at once


def connect(server: FrontEnd, stack: ExitStack, number: int) -> list[socket.socket]:
    """Open connections, and ask each for something."""
    found = [stack.enter_context(server.connect()) for _ in range(number)]
    for sock in found:
        assert ask(sock, get()).status == 200
    return found


def hold(server: FrontEnd, stack: ExitStack, fifo: Path) -> socket.socket:
    """Open a connection whose request waits until something is written to `fifo`."""
    (sock,) = connect(server, stack, 1)
    sock.sendall(get(f"/gate?{fifo}"))
    server.wait_for_log("waiting")
    return sock


def connection_id(sock: socket.socket) -> bytes:
    return ask(sock, get()).body.partition(b"X-Ash-Connection-ID: ")[2].partition(b"\n")[0]


def wait_until_each_serves(server: FrontEnd, stack: ExitStack, count: int) -> None:
    """Connect until each front end has answered, whose number is in the connection's id."""
    answered = set()

    def each_has_answered() -> bool:
        sock = stack.enter_context(server.connect())
        answered.add(int(connection_id(sock).split(b"-")[1], 16))
        pids = workers(server)
        return len(pids) == count and answered >= set(pids)

    wait_until(each_has_answered)


def is_open(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        sock.settimeout(60)


def test_connections_have_ids_of_their_own() -> None:
    with front_ends() as server, ExitStack() as stack:
        ids = set()
        for _ in range(60):
            ids.add(connection_id(stack.enter_context(server.connect())))
        assert len(ids) == 60


def test_one_dies_and_the_others_go_on() -> None:
    with front_ends() as server, ExitStack() as stack:
        held = connect(server, stack, 60)
        (victim, *others) = workers(server)
        os.kill(victim, signal.SIGKILL)
        server.wait_for_log(f"(process {victim}) ended by signal 9; another one is started")
        for sock in connect(server, stack, 30):
            assert is_open(sock)
        alive = [sock for sock in held if is_open(sock)]
        assert 0 < len(alive) < len(held), "each has had some of the connections"
        for sock in alive:
            assert ask(sock, get()).status == 200
        wait_until(lambda: len(workers(server)) == COUNT)
        assert set(others) < set(workers(server))


def test_all_die_again_and_again() -> None:
    """New ones come soon, as the old ones had served; clients wait for them."""
    with front_ends(count=2) as server, ExitStack() as stack:
        for _ in range(4):
            wait_until_each_serves(server, stack, 2)
            for pid in workers(server):
                os.kill(pid, signal.SIGKILL)
        wait_until_each_serves(server, stack, 2)
        assert "started in 1.0 s" in server.log
        assert "started in 1.6 s" not in server.log


def test_without_descriptors_others_wait_for_some() -> None:
    with front_ends() as server, ExitStack() as stack:
        (victim, *_) = workers(server)
        soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        os.kill(victim, signal.SIGKILL)
        server.wait_for_log("a front end: Too many open files; another one is started in")
        taken = descriptors(server.pid)
        first, second, *_ = (number for number in range(len(taken) + 2) if number not in taken)
        assert first < second  # enough for a socket pair, not for the program
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (second + 1, hard))
        server.wait_for_log("can't be started: Too many open files")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        wait_until_each_serves(server, stack, COUNT)


def test_the_end_while_another_one_is_to_be_started() -> None:
    with front_ends("--stop-time=1", count=2, status=1) as server, ExitStack() as stack:
        (sock,) = connect(server, stack, 1)
        busy = int(connection_id(sock).split(b"-")[1], 16)
        sock.sendall(get("/stuck"))
        server.wait_for_log("waiting")
        (victim,) = set(workers(server)) - {busy}
        os.kill(victim, signal.SIGKILL)
        server.wait_for_log(f"(process {victim}) ended by signal 9; another one is started")
        server.terminate()
        assert server.wait() == 1
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_one_that_is_told_to_stop_finishes_what_it_has(fifo: Path) -> None:
    """And another one is started: it wasn't meant for all."""
    with front_ends() as server, ExitStack() as stack:
        sock = hold(server, stack, fifo)
        old = workers(server)
        for pid in old:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: len(set(workers(server)) - set(old)) == COUNT - 1)
        connect(server, stack, 10)
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().body == b"x0"
        wait_until(lambda: len(set(workers(server)) - set(old)) == COUNT)


def test_the_end_of_all(tmp_path: Path) -> None:
    """Responses are finished, idle connections closed, by all processes."""
    gates = [tmp_path / str(number) for number in range(9)]
    with front_ends() as server, ExitStack() as stack:
        idle = connect(server, stack, 20)
        working = connect(server, stack, len(gates))
        for sock, gate in zip(working, gates, strict=True):
            os.mkfifo(gate)
            sock.sendall(get(f"/gate?{gate}"))
        wait_until(lambda: server.log.count("waiting") == len(gates))
        server.terminate()
        for sock in idle:
            assert Reader(sock).at_end()
        server.wait_until_closed()
        for sock, gate in zip(working, gates, strict=True):
            gate.write_bytes(b"x")
            reply = Reader(sock).reply()
            assert reply.body == b"x0"
            assert reply.headers["connection"] == "close"
        assert server.wait() == 0


def test_a_signal_to_all_is_no_second_one(fifo: Path) -> None:
    """As a service manager may send it, and a shell that ends a process group."""
    with front_ends() as server, ExitStack() as stack:
        sock = hold(server, stack, fifo)
        pids = workers(server)
        server.terminate()
        server.wait_until_closed()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().body == b"x0"
        assert server.wait() == 0


def test_a_hang_up_goes_to_the_root_handler_alone() -> None:
    with front_ends() as server, ExitStack() as stack:
        held = connect(server, stack, 20)
        before = workers(server)
        server.process.send_signal(signal.SIGHUP)  # this handler dies of it
        server.wait_for_log("ended by signal 1; it is started again")
        for sock in held:
            assert ask(sock, get()).status == 200
        assert set(before) < set(children(server.pid))


def test_a_root_handler_that_dies_is_started_again() -> None:
    """What front ends had queued for it is the next one's."""
    with front_ends() as server, ExitStack() as stack:
        sleeper, *held = connect(server, stack, 20)
        sleeper.sendall(get("/sleep"))
        server.wait_for_log("waiting")
        for sock in held:
            sock.sendall(get())
        os.kill(server.handler_pid, signal.SIGKILL)
        assert Reader(sleeper).reply().status == 502
        for sock in held:
            assert Reader(sock).reply().status == 200


def test_requests_of_all_are_taken_back_in_time() -> None:
    with front_ends("--queue-time=1") as server, ExitStack() as stack:
        sleeper, *held = connect(server, stack, 40)
        sleeper.sendall(get("/sleep"))
        server.wait_for_log("waiting")
        for sock in held:
            sock.sendall(get("/early_reader"))
        for sock in held:
            reply = Reader(sock).reply()
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) > 0
        sleeper.close()
        for sock in held:
            assert ask(sock, get()).status == 200
        assert "read" not in server.log


def test_the_bound_on_connections_is_shared() -> None:
    with front_ends("--connections=4", count=2) as server, ExitStack() as stack:
        busy = []
        for number in range(1, 5):
            busy.append(stack.enter_context(server.connect()))
            busy[-1].sendall(get("/wait"))
            wait_until(lambda: server.log.count("waiting") == number)  # noqa: B023
        late = stack.enter_context(server.connect())
        late.sendall(get())
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):
            late.recv(1)
        late.settimeout(60)
        busy[0].close()
        assert Reader(late).reply().status == 200


def test_nothing_outlives_the_first_process() -> None:
    with front_ends(status=None) as server, ExitStack() as stack:
        held = connect(server, stack, 20)
        server.process.kill()
        for sock in held:
            assert Reader(sock).at_end()


def run(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [program("ashd-htparser"), "--processes=2", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)


def test_front_ends_that_cannot_start(tmp_path: Path) -> None:
    code = f"import os\nif {VARIABLE!r} in os.environ:\n    os._exit(3)\n"
    result = run("plain:port=0", "--", *HANDLER, env=python_environment(tmp_path, code))
    assert result.returncode == 1
    assert "ended with status 3 before it served anything" in result.stderr


def test_a_handler_that_does_not_load() -> None:
    result = run("plain:port=0", "--", "false")
    assert result.returncode == 1
    assert "before it served anything" in result.stderr


def test_a_port_that_other_front_ends_have() -> None:
    """They share it among themselves, not with others."""
    with front_ends() as server:
        result = run(f"plain:port={server.port}", "--", "true")
        assert result.returncode == 1
        assert "Address already in use" in result.stderr


@pytest.mark.parametrize("ended_by", ["a second signal", "--stop-time=0.5"])
def test_a_request_that_hangs_keeps_none_of_them(ended_by: str) -> None:
    options = [ended_by] if ended_by.startswith("--") else []
    with front_ends(*options, status=1) as server, server.connect() as sock:
        sock.sendall(get("/stuck"))
        server.wait_for_log("waiting")
        server.terminate()
        server.wait_until_closed()
        if not options:
            server.terminate()
        assert server.wait() == 1
