"""Whole responses, also where both sides write before they read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ashd.proto import Request
from ashd.util import parse_response, respond, send_all
from ashd.util._limits import MAX_UNSENT
from ashd.util._outbox import Outbox
from ashdtest.handlers import read_all
from ashdtest.processes import descriptors, wait_until

LARGE = 5_000_000


Pair = tuple[socket.socket, Request]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
        yield ours, request


def test_text(pair: Pair) -> None:
    client, request = pair
    respond(request, "Grüße")
    response = parse_response(read_all(client))
    assert (response.status, response.reason) == (200, b"OK")
    assert response.get(b"content-type") == b"text/html; charset=utf-8"
    assert response.get(b"Content-Length") == b"7"
    assert response.body == "Grüße".encode()


def test_bytes_status_and_type(pair: Pair) -> None:
    client, request = pair
    respond(request, b"\xff", "404 Not Found", "image/x")
    response = parse_response(read_all(client))
    assert (response.status, response.reason) == (404, b"Not Found")
    assert response.get(b"content-type") == b"image/x"
    assert response.body == b"\xff"


@pytest.mark.parametrize(
    ("body", "sent"), [(12, b"12"), (None, b"None"), (bytearray(b"\xff"), b"\xff"), ([], b"[]")]
)
def test_any_body_is_taken(pair: Pair, body: object, sent: bytes) -> None:
    client, request = pair
    respond(request, body)
    assert parse_response(read_all(client)).body == sent


def test_what_was_written_before_goes_first(pair: Pair) -> None:
    client, request = pair
    request.stream.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    respond(request, "x")
    assert read_all(client).startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("bad", ["200 OK\r\nX: y", "200 OK\n", "200 \0"])
def test_control_characters_never_reach_the_head(pair: Pair, bad: str) -> None:
    client, request = pair
    with pytest.raises(ValueError, match="control characters"):
        respond(request, "", bad)
    with pytest.raises(ValueError, match="control characters"):
        respond(request, "", content_type=bad)
    request.close()
    assert read_all(client) == b""


def test_a_client_that_has_gone_away_is_no_error(pair: Pair) -> None:
    client, request = pair
    client.close()
    respond(request, b"x" * LARGE)


def test_a_client_that_left_before_what_was_written_is_no_error(pair: Pair) -> None:
    client, request = pair
    request.stream.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    client.close()
    respond(request, "x")


def test_a_descriptor_that_takes_no_response_is_closed() -> None:
    read, write = os.pipe()
    os.close(read)
    unconnected = socket.socket(socket.AF_UNIX).detach()
    for descriptor, told in ((write, "non-socket"), (unconnected, "not connected")):
        with pytest.raises(OSError, match=told):
            respond(Request(b"GET", b"/", b"HTTP/1.1", b"", [], descriptor), "x")
        assert descriptor not in descriptors()


FORKS = """
import os, socket
from ashd.proto import Request
from ashd.util import respond
client, theirs = socket.socketpair()
respond(Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()), b"y" * 5_000_000)
waiting, gate = os.pipe()
if not (child := os.fork()):
    client.close()
    os.close(gate)
    os.read(waiting, 1)
    os._exit(0)
with client, client.makefile("rb") as stream:
    assert stream.read().endswith(b"y" * 5_000_000)  # to its end, which a child must not delay
os.close(gate)
os.waitpid(child, 0)
"""


def test_a_child_that_is_forked_holds_no_response_open() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_client_that_goes_away_meanwhile_is_no_error(pair: Pair) -> None:
    client, request = pair

    def read_a_little() -> None:
        client.recv(100)
        client.close()

    thread = threading.Thread(target=read_a_little)
    thread.start()
    respond(request, b"x" * LARGE)
    thread.join()


def test_a_client_that_writes_all_before_it_reads(pair: Pair) -> None:
    client, request = pair
    respond(request, b"y" * LARGE)
    client.sendall(b"x" * LARGE)
    client.shutdown(socket.SHUT_WR)
    with client.makefile("rb") as stream:
        head = iter(stream.readline, b"\r\n")
        assert b"Content-Length: %d\r\n" % LARGE in list(head)
        assert stream.read(LARGE) == b"y" * LARGE


def test_a_client_that_reads_late(pair: Pair) -> None:
    client, request = pair
    client.shutdown(socket.SHUT_WR)
    respond(request, b"y" * LARGE)
    assert read_all(client).endswith(b"\r\n\r\n" + b"y" * LARGE)


def test_clients_that_never_read_do_not_fill_the_memory() -> None:
    clients = []
    for _ in range(MAX_UNSENT // LARGE + 2):
        ours, theirs = socket.socketpair()
        respond(Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()), b"y" * LARGE)
        ours.settimeout(20)
        clients.append(ours)
    sizes = [len(read_all(client)) for client in clients]
    assert sizes[0] < LARGE
    assert all(size > LARGE for size in sizes[3:])


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    Outbox(stall_timeout=0.01).add(theirs, memoryview(b"y" * LARGE))
    wait_until(lambda: theirs.fileno() < 0)
    assert len(read_all(ours)) < LARGE


def test_send_all_waits_for_a_client_that_writes_all_before_it_reads(pair: Pair) -> None:
    client, request = pair
    thread = threading.Thread(target=send_all, args=(request.socket, b"y" * LARGE))
    thread.start()
    client.sendall(b"x" * LARGE)
    client.shutdown(socket.SHUT_WR)
    with client.makefile("rb") as stream:
        assert stream.read(LARGE) == b"y" * LARGE
    thread.join()


def test_send_all_waits_for_a_client_that_has_no_more_to_say(pair: Pair) -> None:
    client, request = pair
    thread = threading.Thread(target=send_all, args=(request.socket, b"y" * LARGE))
    thread.start()
    client.shutdown(socket.SHUT_WR)
    received = 0
    while received < LARGE:
        received += len(client.recv(1 << 20))
    thread.join(20)


def test_send_all_tells_of_a_client_that_is_gone(pair: Pair) -> None:
    client, request = pair
    client.close()
    with pytest.raises(BrokenPipeError):
        send_all(request.socket, b"x")


def test_the_original_keyword_for_the_content_type(pair: Pair) -> None:
    client, request = pair
    respond(request, "x", ctype="text/plain")
    assert b"\r\nContent-Type: text/plain\r\n" in read_all(client)
