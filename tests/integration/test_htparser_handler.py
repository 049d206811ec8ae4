"""ashd-htparser and its root handler: loading, queueing, dying, reloading, ending."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, FrontEnd, front_end, read_to_end
from ashdtest.http import Reader, Reply
from ashdtest.processes import children, exists, program, python_environment, state, wait_until
from ashdtest.sites import wsgi_command

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
GET_ONCE = b"GET /echo HTTP/1.0\r\n\r\n"


def get(path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()


def python(code: str) -> list[str]:
    """Return the command of a handler that is written here; `NAME` is the name of its FIFO."""
    return [sys.executable, "-c", code]


def stall(server: FrontEnd, stack: contextlib.ExitStack) -> socket.socket:
    """Keep the whole handler busy until the connection that is returned is closed."""
    sock = stack.enter_context(server.connect())
    sock.sendall(get("/sleep"))
    server.wait_for_log("waiting")
    return sock


NO_RESPAWN = ["--no-respawn"]


def test_without_respawn_the_end_of_the_root_handler_ends_the_front_end() -> None:
    with front_end(HANDLER, options=NO_RESPAWN, status=1) as server:
        server.exchange(b"GET /exit?0 HTTP/1.0\r\n\r\n")
        assert server.wait() == 1
        assert "the root handler ended with status 0" in server.log


def test_a_root_handler_that_exits_at_once() -> None:
    result = subprocess.run(
        [program("ashd-htparser"), "plain:port=0", "--", "false"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "the root handler ended with status 1 before it served anything" in result.stderr


def test_a_root_handler_that_is_killed() -> None:
    with front_end(HANDLER, options=NO_RESPAWN, status=1) as server:
        with server.connect() as sock:
            sock.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_for_log("waiting")
            os.kill(server.handler_pid, signal.SIGKILL)
            reply = Reader(sock).reply()
            assert reply.status == 502
            assert reply.headers["connection"] == "close"
        assert server.wait() == 1
        assert "the root handler ended by signal 9" in server.log


def test_requests_of_a_dead_handlers_children_are_finished(fifo: Path) -> None:
    """The root handler is gone, and another process of its answers all the same."""
    forking = """
import os
from ashd.proto import recv_request
request = recv_request()
if os.fork():
    os._exit(0)
os.close(0)
text = open(os.environ["FIFO"], "rb").read()
request.socket.sendall(b"HTTP/1.1 200 OK\\n\\n" + text)
"""
    environ = {**os.environ, "FIFO": str(fifo)}
    with (
        front_end(python(forking), options=NO_RESPAWN, env=environ, status=1) as server,
        server.connect() as sock,
    ):
        sock.sendall(GET)
        server.wait_for_log("finishing what is running")
        fifo.write_bytes(b"late")
        reply = Reader(sock).reply()
        assert reply.body == b"late"
        assert reply.headers["connection"] == "close"
        assert server.wait() == 1


def test_an_overloaded_root_handler() -> None:
    """Requests wait while it takes none; those that wait too long are answered."""
    with (
        front_end(HANDLER, options=["--queue-time=0.5"]) as server,
        server.connect() as sleeper,
        contextlib.ExitStack() as stack,
    ):
        sleeper.sendall(b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        # each of these datagrams takes a fifth of the handler's queue
        large = GET.replace(b"Host", b"A: " + b"x" * 40000 + b"\r\nHost")
        clients = [stack.enter_context(server.connect()) for _ in range(10)]
        for client in clients:
            client.sendall(large)
        clients[7].close()  # one that waits
        reply = Reader(clients[-1]).reply()
        assert reply.status == 503
        assert int(reply.headers["retry-after"]) > 0
        assert Reader(clients[0]).reply().status == 503
        sleeper.close()  # now the handler goes on
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")


def test_requests_that_wait_are_served_when_the_handler_goes_on() -> None:
    with front_end(HANDLER) as server, contextlib.ExitStack() as stack:
        sleeper = stack.enter_context(server.connect())
        sleeper.sendall(b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        large = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
        large += b"A: " + b"x" * 40000 + b"\r\n\r\n"
        clients = [stack.enter_context(server.connect()) for _ in range(12)]
        for client in clients:
            client.sendall(large)
        gone = clients.pop()
        gone.close()
        sleeper.close()
        for client in clients:
            reader = Reader(client)
            assert reader.reply().status == 100
            client.sendall(b"abc")
            assert reader.reply().body.endswith(b"\n\nabc")


def test_requests_that_wait_are_refused_when_the_front_end_stops() -> None:
    """The handler still gets those that lie in its socket."""
    with front_end(HANDLER) as server, contextlib.ExitStack() as stack:
        sleeper = stall(server, stack)
        large = GET.replace(b"Host", b"A: " + b"x" * 40000 + b"\r\nHost")
        clients = [stack.enter_context(server.connect()) for _ in range(12)]
        for client in clients:
            client.sendall(large)
        clients.pop().close()
        assert server.exchange(b"malformed\r\n\r\n")  # the front end has seen all before this
        server.terminate()
        assert Reader(clients[-1]).reply().status == 503
        sleeper.close()
        statuses = [Reader(client).reply().status for client in clients[:-1]]
        assert statuses == sorted(statuses)
        assert set(statuses) == {200, 503}
        assert server.wait() == 0


# Queueing


def test_a_new_request_does_not_wait_for_a_whole_flood() -> None:
    """Of those that the handler's socket has no room for, oldest and newest go in turns."""
    noting = """
import os
import select
from ashd.proto import recv_request
while request := recv_request():
    with request:
        os.write(2, b"took " + request.rest + b"\\n")
        if request.rest == b"stall":
            poll = select.poll()
            poll.register(request, 0)
            poll.poll()
        else:
            request.socket.sendall(b"HTTP/1.1 200 OK\\nContent-Length: 0\\n\\n")
"""
    flood = [f"{number}" for number in range(20)]
    with front_end(python(noting)) as server, contextlib.ExitStack() as stack:
        stalling = stack.enter_context(server.connect())
        stalling.sendall(get("/stall"))
        server.wait_for_log("took stall")
        clients = [stack.enter_context(server.connect()) for _ in flood]
        for client, name in zip(clients, flood, strict=True):
            # each of these datagrams takes a fifth of what the handler's socket has room for
            client.sendall(get(f"/{name}").replace(b"Host", b"A: " + b"x" * 40000 + b"\r\nHost"))
            server.exchange(b"not HTTP\r\n\r\n")  # answered after all before it
        clients.append(stack.enter_context(server.connect()))
        clients[-1].sendall(get("/new"))
        server.exchange(b"not HTTP\r\n\r\n")
        stalling.close()
        for client in clients:
            assert Reader(client).reply().status == 200
        order = re.findall("took ([0-9]+|new)", server.log)
    assert sorted(order) == sorted([*flood, "new"])
    begin, end = order[: order.index("new")], order[order.index("new") + 1 :]
    assert len(begin) < len(flood) / 2
    assert begin == flood[: len(begin)]
    assert end[0] == flood[len(begin)]


def test_requests_count_as_queued_until_a_handler_receives_them() -> None:
    """What the kernel has taken for a handler that receives nothing is taken back."""
    with front_end(HANDLER, options=["--queue-time=1"]) as server, contextlib.ExitStack() as stack:
        sleeper = stall(server, stack)
        clients = [stack.enter_context(server.connect()) for _ in range(30)]
        for number, client in enumerate(clients):
            body = b"POST /early_reader HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            client.sendall(body if number % 2 else get("/early_reader"))
        clients.pop().close()
        for client in clients:
            reply = Reader(client).reply()
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) > 0
        sleeper.close()
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")
        assert "read" not in server.log


def test_what_is_received_is_never_taken_back() -> None:
    """However long it takes: the limit is on the time before."""
    with (
        front_end(HANDLER, options=["--queue-time=0.4"]) as server,
        contextlib.ExitStack() as stack,
    ):
        working = stack.enter_context(server.connect())
        working.sendall(get("/wait"))
        stall(server, stack)
        late = stack.enter_context(server.connect())
        late.sendall(GET)
        assert Reader(late).reply().status == 503
        working.setblocking(False)
        with pytest.raises(BlockingIOError):
            working.recv(1)


CLOSES_ITS_SOCKET = """
import os, signal, socket, sys
from ashd.proto import recv_request
recv_request().close()
sock = socket.socket(fileno=0)
{how}
os.write(2, b"closed")
{then}
"""


def test_a_handler_that_closes_its_socket_and_stays() -> None:
    for how in ("sock.close()", "sock.shutdown(socket.SHUT_RDWR)"):
        code = CLOSES_ITS_SOCKET.format(how=how, then="signal.pause()")
        with front_end(python(code), options=["--queue-time=0.4"], status=1) as server:
            server.exchange(GET_ONCE)
            server.wait_for_log("closed")
            for _ in range(2):
                assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 503")
            server.terminate()
            server.wait_until_closed()
            server.terminate()
            server.wait()


@pytest.mark.parametrize("options", [[], ["--processes=2"]])
def test_a_handler_that_shuts_its_socket_down_and_dies(options: list[str], tmp_path: Path) -> None:
    """The next one gets a new socket, and all front ends send to it."""
    flag = tmp_path / "flag"
    code = f"""
import pathlib, socket
from ashd.proto import Request, recv_request
flag = pathlib.Path({str(flag)!r})
request = recv_request()
if not flag.exists():
    flag.touch()
    socket.socket(fileno=0).shutdown(socket.SHUT_RDWR)
else:
    request.socket.sendall(b"HTTP/1.1 200 OK\\nContent-Length: 0\\n\\n")
    while recv_request():
        pass
"""
    with front_end(python(code), options=options) as server:
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 502")
        server.wait_for_log("started again")
        wait_until(lambda: server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200"))


# Dying and being started again


def test_a_root_handler_that_dies_is_started_again() -> None:
    """What it was serving is lost, what it hadn't received isn't."""
    with front_end(HANDLER) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            before = server.log.count("waiting")
            working, sleeper, *queued = (stack.enter_context(server.connect()) for _ in range(9))
            working.sendall(get("/stuck"))
            wait_until(lambda: server.log.count("waiting") == before + 1)  # noqa: B023
            sleeper.sendall(get("/sleep"))
            wait_until(lambda: server.log.count("waiting") == before + 2)  # noqa: B023
            for client in queued:
                client.sendall(GET)
            (pid,) = children(server.pid)
            os.kill(pid, signal.SIGKILL)
            for client in (working, sleeper):
                assert Reader(client).reply().status == 502
            for client in queued:
                assert Reader(client).reply().status == 200
        assert "ended by signal 9; it is started again in 0.1 s" in server.log
        (pid,) = children(server.pid)
        server.terminate()
        assert server.wait() == 0
        assert not exists(pid)


def test_a_root_handler_that_does_not_load_any_more(tmp_path: Path) -> None:
    """Attempts become rare; meanwhile clients are told to come back, and a cure is noticed."""
    broken = tmp_path / "broken"
    code = f"import os, runpy, sys\nif os.path.exists({str(broken)!r}): sys.exit(3)\n"
    code += f"runpy.run_path({HANDLER[1]!r}, run_name='__main__')"
    with front_end(python(code)) as server, server.connect() as sock:
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")
        broken.touch()
        server.exchange(b"GET /exit?4 HTTP/1.0\r\n\r\n")
        server.wait_for_log("ended with status 4; it is started again in 0.1 s")
        sock.sendall(GET)
        server.wait_for_log("ended with status 3; it is started again in 3.2 s")
        server.process.send_signal(signal.SIGHUP)  # nobody is there to be told
        for reply in (Reader(sock).reply(), *(ask(server) for _ in range(2))):
            assert reply.status == 503
            assert int(reply.headers["retry-after"]) > 0
        broken.unlink()
        server.wait_for_log("serves again")
        assert ask(server).status == 200


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    """A root handler's program, which can be taken away."""
    path = tmp_path / "handler"
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {HANDLER[1]}\n")
    path.chmod(0o755)
    return path


def test_a_root_handler_whose_program_is_replaced(program_file: Path) -> None:
    """Between the old file and the new one there is none."""
    with front_end([str(program_file)]) as server:
        server.wait_for_log("listening on")
        aside = program_file.rename(program_file.with_name("aside"))
        os.kill(server.handler_pid, signal.SIGKILL)
        server.wait_for_log("can't be started: No such file or directory; it is started again in")
        aside.rename(program_file)
        assert ask(server).status == 200


def test_the_end_while_the_root_handler_is_down(program_file: Path) -> None:
    with front_end([str(program_file)]) as server:
        server.wait_for_log("listening on")
        program_file.unlink()
        os.kill(server.handler_pid, signal.SIGKILL)
        server.wait_for_log("it is started again in 3.2 s")
        assert ask(server).status == 503
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("options", [[], ["--processes=2"]])
def test_where_the_kernel_does_not_tell_of_ends(options: list[str], tmp_path: Path) -> None:
    """Linux before 5.3: ends of processes are found by looking."""
    env = python_environment(tmp_path, "import os\ndel os.pidfd_open\n")
    with front_end(HANDLER, options=options, env=env) as server:
        server.wait_for_log("listening on")
        before = children(server.pid)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not set(before) & set(children(server.pid)))
        assert ask(server).status == 200
        wait_until(lambda: len(children(server.pid)) == len(before))


def ask(server: FrontEnd) -> Reply:
    with server.connect() as sock:
        sock.sendall(GET)
        return Reader(sock).reply()


# Loading


RECEIVES_BY_ITSELF = """
import array, os, signal, socket
open(os.environ["FIFO"]).close()
sock = socket.socket(fileno=0)
while True:
    data, ancillary, *_ = sock.recvmsg(1 << 20, 1024)
    if not data:
        break
    (_, _, rights), = ancillary
    answer = socket.socket(fileno=array.array("i", rights)[0])
    answer.sendall(b"HTTP/1.1 200 OK\\nContent-Length: 0\\n\\n")
    answer.close()
"""
LOADS_SLOWLY = """
import os, runpy, signal
signal.signal(signal.SIGHUP, lambda *_: os.write(2, b"hung up"))
os.write(2, b"loading")
open(os.environ["FIFO"]).close()
"""
LOADS_SLOWLY += f"runpy.run_path({HANDLER[1]!r}, run_name='__main__')"


def test_the_front_end_says_when_the_handler_has_loaded(fifo: Path) -> None:
    with front_end(python(LOADS_SLOWLY), env={**os.environ, "FIFO": str(fifo)}) as server:
        server.wait_for_log("bound ")
        with server.connect() as sock:
            sock.sendall(GET)  # it waits, as it would for a busy handler
            server.wait_for_log("loading")
            assert "listening on" not in server.log
            fifo.write_bytes(b"")
            server.wait_for_log("listening on")
            assert Reader(sock).reply().status == 200


def test_a_handler_that_says_nothing_has_loaded_when_it_receives(fifo: Path) -> None:
    with front_end(python(RECEIVES_BY_ITSELF), env={**os.environ, "FIFO": str(fifo)}) as server:
        fifo.write_bytes(b"")
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")
        server.wait_for_log("listening on")


def test_a_handler_that_says_what_it_serves() -> None:
    """It can't forge a line of the log, nor make one of any length; other handlers say nothing."""
    cases = {"a wiki\x1b[1m\nline 2": "a wiki\\x1b[1m\\nline 2", "x" * 500: "x" * 400}
    for said, shown in cases.items():
        code = f"import runpy, ashd.proto\nashd.proto.describe_handler({said!r})\n"
        code += f"runpy.run_path({HANDLER[1]!r}, run_name='__main__')"
        with front_end(python(code)) as server:
            server.wait_for_log("listening on")
            (line,) = [line for line in server.log.splitlines() if "listening on" in line]
            assert line.endswith(f":{server.port} ({shown})")


def test_a_handler_that_says_what_nobody_knows() -> None:
    code = "import runpy, socket\nsock = socket.socket(fileno=0)\nsock.send(b'?')\nsock.detach()\n"
    code += f"runpy.run_path({HANDLER[1]!r}, run_name='__main__')"
    with front_end(python(code)) as server:
        assert ask(server).status == 200
        server.wait_for_log("listening on")


def test_a_root_handler_that_dies_of_its_first_request() -> None:
    """It had loaded, if it hasn't said so."""
    code = "import os, socket\nsocket.socket(fileno=0).recvmsg(9, 99)\nos._exit(5)"
    with front_end(python(code)) as server:
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 502")
        server.wait_for_log("ended with status 5; it is started again")


# Reloading


def test_a_hang_up_goes_to_the_root_handler(fifo: Path) -> None:
    """Not before it has loaded, when it could die of it; and the front end goes on."""
    with front_end(python(LOADS_SLOWLY), env={**os.environ, "FIFO": str(fifo)}) as server:
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("loading")
        server.process.send_signal(signal.SIGHUP)
        with server.connect() as sock:
            sock.sendall(GET)
            fifo.write_bytes(b"")
            assert Reader(sock).reply().status == 200
            server.wait_for_log("hung up")
            sock.sendall(get(f"/gate?{fifo}"))
            server.wait_for_log("waiting")
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.log.count("hung up") == 2)
            fifo.write_bytes(b"x")
            assert Reader(sock).reply().body == b"x0"
        assert children(server.pid) == [server.handler_pid]


def test_a_handler_that_ends_to_be_started_anew_has_not_failed() -> None:
    with front_end(wsgi_command("hello")) as server:
        assert ask(server).status == 200
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("serves again")
        assert "INFO: the root handler (process" in server.log
        assert "ERROR" not in server.log


# The end


STUBBORN = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
from ashd.proto import recv_request
request = recv_request()
os.write(2, b"child %d." % child.pid)
threading.Event().wait()
"""


@pytest.mark.parametrize("signals", [1, 2])
def test_no_handler_is_left_behind(signals: int) -> None:
    """Neither one that hangs and ignores SIGTERM, nor what it has started."""
    with front_end(python(STUBBORN), options=["--stop-time=0.5"], status=1) as server:
        with server.connect() as sock:
            sock.sendall(GET)
            (child,) = wait_until(lambda: re.findall(r"child (\d+)\.", server.log))
            server.terminate()
            if signals == 2:
                server.wait_until_closed()
                server.terminate()
            assert server.wait() == 1
            assert not read_to_end(sock).startswith(b"HTTP/1.1 200")
        for pid in (server.handler_pid, child):
            wait_until(lambda: state(int(pid)) in ("", "Z"))  # noqa: B023


LEAVES_A_CHILD = """
import os, signal
from ashd.proto import recv_request
request = recv_request()
if os.fork():
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, b"child %d." % os.getpid())
signal.pause()
"""


def child_that_is_left(
    server: FrontEnd, sock: socket.socket, what_follows: str = "started again"
) -> int:
    """Let a handler die of a request; return the process ID of its child."""
    sock.sendall(GET)
    (child,) = wait_until(lambda: re.findall(r"child (\d+)\.", server.log))
    server.wait_for_log(what_follows)
    return int(child)


def test_what_dead_handlers_have_left_ends_too() -> None:
    """Their children may finish what they have, but not outlive the front end."""
    with front_end(python(LEAVES_A_CHILD), options=["--stop-time=0.5"], status=1) as server:
        with server.connect() as sock:
            child = child_that_is_left(server, sock)
            server.terminate()
            server.wait()
        wait_until(lambda: state(child) in ("", "Z"))
    options = [*NO_RESPAWN, "--stop-time=0.5"]
    with front_end(python(LEAVES_A_CHILD), options=options, status=1) as server:
        with server.connect() as sock:
            child = child_that_is_left(server, sock, "finishing what is running")
            server.wait()
        wait_until(lambda: state(child) in ("", "Z"))
    with front_end(python(LEAVES_A_CHILD)) as server:
        with server.connect() as sock:
            child = child_that_is_left(server, sock)
        server.terminate()
        server.wait()
        wait_until(lambda: state(child) in ("", "Z"))
