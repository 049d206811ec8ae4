"""The loop of a handler, in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from ashd.util import call_handler, parse_response, respond, serve_loop, serveloop
from ashdtest.handlers import read_all, running_python
from ashdtest.processes import children, descriptor_count, wait_until

ECHO = """
import os, signal, sys
from ashd.proto import HandlerGoneError
from ashd.util import respond, serve_loop

def handle(request):
    if request.rest == b"raise":
        raise RuntimeError("on purpose")
    if request.rest == b"gone":
        raise HandlerGoneError(32, "the child is gone")
    if request.rest == b"large":
        return respond(request, b"x" * 5_000_000)
    if request.rest == b"fork":
        if os.fork() == 0:
            request.close()
            signal.pause()
        return respond(request, "forked")
    if request.rest == b"close":
        request.close()
        raise RuntimeError("closed before")
    if request.rest in (b"half", b"unsent"):
        request.stream.write(b"HTTP/1.1 200 OK\\r\\n\\r\\nhalf")
        if request.rest == b"half":
            request.stream.flush()
        raise RuntimeError("in the middle")
    if request.rest == b"reads":
        request.stream.read()
        raise RuntimeError("after the body")
    if request.rest == b"lent":
        request.socket.send(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        raise RuntimeError("after the head")
    if request.rest == b"copied":
        with request.dup() as copy:
            respond(copy, "from the copy")
        raise RuntimeError("after the copy")
    if request.rest == b"stuck":
        request.socket.setblocking(False)
        try:
            while True:
                request.socket.send(b"x" * 65536)
        except BlockingIOError:
            request.stream.write(b"the end, which can't be written")
        return
    if request.rest == b"leave":
        raise SystemExit(7)
    respond(request, request.rest + b" " + request.stream.read(), content_type="text/plain")

serve_loop(handle)
"""


@pytest.mark.parametrize(
    ("name", "status", "log"),
    [
        (b"raise", 500, "on purpose"),
        (b"gone", 502, "the child is gone"),
        (b"half", 200, "in the middle"),
        (b"unsent", 500, "in the middle"),
        (b"reads", 500, "after the body"),
        (b"lent", 200, "after the head"),
        (b"copied", 200, "after the copy"),
    ],
)
def test_a_handler_that_fails(name: bytes, status: int, log: str) -> None:
    with running_python(ECHO) as handler:
        response = handler.call(b"/" + name)
        assert response.status == status
        assert log in handler.log
        assert f"the handler failed at GET /{name.decode()}\nTraceback" in handler.log
        assert handler.call(b"/a", body=b"body").body == b"a body"


def test_control_characters_of_urls_are_escaped_in_the_log() -> None:
    with running_python(ECHO) as handler:
        assert handler.call(b"/\x1b[2J\x9b", rest=b"raise").status == 500
        assert "the handler failed at GET /\\x1b[2J\\x9b\n" in handler.log


def test_a_failure_is_not_told_to_the_client() -> None:
    with running_python(ECHO) as handler:
        assert b"purpose" not in handler.call(b"/raise").body


def test_a_copy_is_not_answered_twice() -> None:
    with running_python(ECHO) as handler:
        assert handler.call(b"/copied").body == b"from the copy"


def test_a_handler_that_closes_and_then_fails() -> None:
    with running_python(ECHO) as handler:
        assert read_all(handler.open(b"/close")) == b""
        assert handler.call(b"/a").body == b"a "


def test_a_response_that_cannot_be_finished() -> None:
    with running_python(ECHO) as handler:
        with handler.open(b"/stuck") as client:
            client.shutdown(socket.SHUT_WR)
            wait_until(lambda: "the response was cut at GET /stuck" in handler.log)
        assert handler.call(b"/a").body == b"a "


def test_a_client_that_does_not_read_stops_nobody() -> None:
    with running_python(ECHO) as handler:
        slow = handler.open(b"/large")
        assert handler.call(b"/a").body == b"a "
        handler.socket.close()
        assert len(parse_response(read_all(slow)).body) == 5_000_000


def test_a_process_that_was_forked_holds_no_response_of_its_parent() -> None:
    with running_python(ECHO) as handler:
        slow = handler.open(b"/large")
        assert handler.call(b"/fork").body == b"forked"
        (child,) = children(handler.pid)
        assert len(parse_response(read_all(slow)).body) == 5_000_000
        os.kill(child, signal.SIGKILL)


def test_a_handler_can_leave() -> None:
    with running_python(ECHO, status=7) as handler:
        assert read_all(handler.open(b"/leave")) == b""
        handler.process.wait(20)


def test_bad_requests_are_logged_and_survived() -> None:
    with running_python(ECHO) as handler:
        handler.socket.send(b"garbage")
        handler.socket.send(b"")
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(handler.socket, [b"garbage"], [theirs.fileno()])
        assert read_all(ours).startswith(b"HTTP/1.1 400 ")
        assert handler.call(b"/a").body == b"a "
        assert handler.log.count("refused a request: ") == 3


def test_descriptors_stay_the_same() -> None:
    with running_python(ECHO) as handler:
        assert handler.call(b"/a").body == b"a "
        wait_until(lambda: descriptor_count(handler.pid) == 3)
        for _ in range(100):
            for name in (b"a", b"raise", b"close", b"half", b"copied"):
                handler.open(b"/" + name).close()
        assert handler.call(b"/a").body == b"a "
        wait_until(lambda: descriptor_count(handler.pid) == 3)


def test_requests_that_wait_at_the_end_are_still_answered() -> None:
    with running_python(ECHO) as handler:
        clients = [handler.open(b"/%d" % number) for number in range(20)]
        handler.socket.close()
        for number, client in enumerate(clients):
            client.shutdown(socket.SHUT_WR)
            assert read_all(client).endswith(b"\r\n\r\n%d " % number)
        assert handler.process.wait(20) == 0


@pytest.mark.parametrize("loop", [serve_loop, serveloop])
def test_in_a_thread_on_a_socket_of_the_callers(loop: type) -> None:
    front, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=loop, args=(lambda request: respond(request, "hi"), back))
    thread.start()
    with front, back:
        assert call_handler(front, b"/", timeout=20).body == b"hi"
        front.shutdown(socket.SHUT_WR)
        thread.join(20)
        assert back.fileno() >= 0


def test_started_in_a_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ECHO], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"standard input is not a handler socket" in done.stderr
