"""A handler whose descriptors run out waits, loses nothing that it can keep, and goes on."""

from __future__ import annotations

import signal
import socket

from ashdtest.handlers import open_request, read_all, running_python
from ashdtest.processes import descriptor_count, wait_until

LIMIT = 64
HALF_OF_THE_RESERVE = LIMIT * 7 // 8
WARNING = "few descriptors are left"

PRELUDE = f"""
import os, resource, select, signal, socket, sys, threading
from ashd.proto import ProtocolError, Receiver
from ashd.util import respond, serve_loop

resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
"""

HOLDS_EACH_UNTIL_ITS_BODY_ENDS = """
def finish(copy):
    with copy:
        copy.stream.read()
        respond(copy, b"%b %d" % (copy.rest, copy.fileno()))

def handle(request):
    threading.Thread(target=finish, args=(request.dup(),)).start()
"""

SERVES_WITHOUT_BLOCKING = """
sock = socket.socket(fileno=0)
receiver = Receiver(sock)
poll = select.poll()
poll.register(sock, select.POLLIN)
while True:
    try:
        request = receiver.receive(socket.MSG_DONTWAIT)
    except BlockingIOError as error:
        print(error, file=sys.stderr, flush=True)
        poll.poll()
        continue
    if request is None:
        break
    with request:
        handle(request)
"""

HOLDS_FILES = """
def handle(request):
    if request.rest == b"take":
        held.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(int(request["Files"])))
    respond(request, request.rest)

def take_all(*_):
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass

def release_all(*_):
    while held:
        os.close(held.pop())

held = []
signal.signal(signal.SIGUSR1, take_all)
signal.signal(signal.SIGUSR2, release_all)
serve_loop(handle)
"""


def answer(client: socket.socket) -> bytes:
    client.shutdown(socket.SHUT_WR)
    return read_all(client).partition(b"\r\n\r\n")[2]


def many_held_requests(serve: str, told: str = WARNING) -> None:
    source = PRELUDE + HOLDS_EACH_UNTIL_ITS_BODY_ENDS + serve
    with running_python(source) as handler:
        clients = [open_request(handler.socket, b"/%d" % number) for number in range(100)]
        wait_until(lambda: told in handler.log)
        answers = [answer(client).split() for client in clients]
        assert [rest for rest, _ in answers] == [b"%d" % number for number in range(100)]
        assert max(int(descriptor) for _, descriptor in answers) < HALF_OF_THE_RESERVE
        assert "lost" not in handler.log
        assert "Traceback" not in handler.log


def test_requests_that_hold_descriptors() -> None:
    many_held_requests("serve_loop(handle)")


def test_a_receiver_that_does_not_block() -> None:
    many_held_requests(SERVES_WITHOUT_BLOCKING, "waiting for descriptors to be closed")


def test_a_handler_that_keeps_many_files_open_serves_at_once() -> None:
    with running_python(PRELUDE + HOLDS_FILES) as handler:
        for _ in range(10):
            assert handler.call(b"/take", headers=[(b"Files", b"5")]).body == b"take"
        for _ in range(20):
            assert handler.call(b"/a").body == b"a"
        assert WARNING not in handler.log


def test_a_full_table_loses_what_the_kernel_dropped_and_nothing_else() -> None:
    with running_python(PRELUDE + HOLDS_FILES) as handler:
        handler.call(b"/a")
        handler.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: descriptor_count(handler.pid) == LIMIT)
        assert read_all(handler.open(b"/lost")) == b""
        wait_until(lambda: "out of descriptors" in handler.log)
        waiting = handler.open(b"/waiting")
        wait_until(lambda: WARNING in handler.log)
        handler.process.send_signal(signal.SIGUSR2)
        assert answer(waiting) == b"waiting"
        assert handler.call(b"/a").body == b"a"


def test_a_full_table_does_not_keep_a_handler_from_ending() -> None:
    with running_python(PRELUDE + HOLDS_FILES) as handler:
        handler.call(b"/a")
        handler.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: descriptor_count(handler.pid) == LIMIT)
        assert read_all(handler.open(b"/lost")) == b""
        wait_until(lambda: WARNING in handler.log)
        handler.finish()
