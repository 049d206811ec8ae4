"""Receiving over real sockets: whatever comes in, its client is answered and nothing leaks."""

from __future__ import annotations

import array
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ashd.proto import (
    MAX_DATAGRAM,
    DecodeError,
    DescriptorError,
    HandlerSocketError,
    ProtocolError,
    Receiver,
    Request,
    TruncatedError,
    encode_request,
    holds_datagram,
    recv_request,
    recvreq,
)
from ashdtest.handlers import read_all, running_python
from ashdtest.processes import DEADLINE, descriptors

SIMPLE = encode_request(b"GET", b"/a", b"HTTP/1.1", b"a", [(b"Host", b"x")])
MALFORMED = {
    "empty": b"",
    "garbage": b"\xff" * 100,
    "no end": SIMPLE[:-1],
    "no headers": b"GET\0/\0HTTP/1.1\0",
    "something behind the end": SIMPLE + b"more\0",
    "a header without a name": b"GET\0/\0HTTP/1.1\0\0\0x\0X-Ash-Port\x0080\0\0",
    "nothing but ends": b"\0" * 9,
}


class Wire:
    """Both ends of a handler's socket."""

    def __init__(self) -> None:
        self.front, self.back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.front.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_DATAGRAM)
        self.receiver = Receiver(self.back)

    def send(self, datagram: bytes, fds: Sequence[int]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.front.sendmsg([datagram], rights)

    def send_request(self, datagram: bytes = SIMPLE, surplus: int = 0) -> socket.socket:
        """Send a datagram with a response socket, and others behind it; return the client."""
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        with theirs:
            self.send(datagram, [theirs.fileno(), *[self.front.fileno()] * surplus])
        return ours

    def receive(self) -> Request:
        request = self.receiver.receive()
        assert request is not None
        return request


@pytest.fixture
def wire() -> Iterator[Wire]:
    before = descriptors()
    wire = Wire()
    with wire.front, wire.back:
        yield wire
    assert descriptors() == before


def large(url: int = 1, header: int = 1) -> bytes:
    path = b"u" * url
    return encode_request(b"GET", b"/" + path, b"HTTP/1.1", path, [(b"X", b"v" * header)])


def test_a_request_arrives_with_its_response_socket(wire: Wire) -> None:
    client = wire.send_request()
    with wire.receive() as request:
        assert (request.method, request.url, request.version) == (b"GET", b"/a", b"HTTP/1.1")
        assert (request.rest, request.headers) == (b"a", [(b"Host", b"x")])
        assert request.arrival_ns is None
        assert not os.get_inheritable(request.fileno())
        request.stream.write(b"answer")
    assert read_all(client) == b"answer"


@pytest.mark.parametrize("size", [40_000, 100_000])
def test_long_urls_arrive_whole(wire: Wire, size: int) -> None:
    datagram = large(url=size)
    with wire.send_request(datagram), wire.receive() as request:
        assert len(request.rest) == size
        assert request.encode() == datagram


def test_the_largest_request_that_is_promised(wire: Wire) -> None:
    datagram = large(header=MAX_DATAGRAM - len(large(header=0)))
    if len(datagram) > wire.front.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2:
        datagram = large(header=100_000)  # the system allows no larger send buffers
    with wire.send_request(datagram), wire.receive() as request:
        assert request.encode() == datagram


def enlarge(wire: Wire) -> None:
    """Let the sender send more than the receiver takes, which needs a privilege."""
    so_sndbufforce = 32
    try:
        wire.front.setsockopt(socket.SOL_SOCKET, so_sndbufforce, 4 * MAX_DATAGRAM)
    except PermissionError:
        wire.front.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_DATAGRAM)


@pytest.mark.parametrize(
    ("datagram", "status"),
    [
        (large(url=MAX_DATAGRAM), 414),
        (large(url=MAX_DATAGRAM // 2), 414),
        (large(header=MAX_DATAGRAM), 431),
    ],
    ids=["url", "url and rest", "header"],
)
def test_a_request_that_was_cut_is_answered(wire: Wire, datagram: bytes, status: int) -> None:
    enlarge(wire)
    if len(datagram) > wire.front.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF):
        with pytest.raises(OSError, match="too long"):
            wire.send_request(datagram)
        return  # such a request can't be made on this system
    client = wire.send_request(datagram)
    with pytest.raises(TruncatedError) as caught:
        wire.receiver.receive()
    assert caught.value.status == status
    assert read_all(client).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("datagram", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_answered(wire: Wire, datagram: bytes) -> None:
    client = wire.send_request(datagram)
    with pytest.raises(DecodeError):
        wire.receiver.receive()
    head, _, body = read_all(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Length: %d" % len(body) in head


@pytest.mark.parametrize("datagram", [SIMPLE, b"", b"garbage"], ids=["whole", "empty", "garbage"])
def test_a_request_without_a_response_socket_is_dropped(wire: Wire, datagram: bytes) -> None:
    wire.send(datagram, [])
    with pytest.raises(DescriptorError, match="without"):
        wire.receiver.receive()
    with wire.send_request(), wire.receive():
        pass


@pytest.mark.parametrize("surplus", [1, 2, 15, 16, 29])
def test_surplus_descriptors_are_closed(wire: Wire, surplus: int) -> None:
    client = wire.send_request(surplus=surplus)
    before = len(descriptors())
    with pytest.raises(DescriptorError, match="more than one"):
        wire.receiver.receive()
    assert len(descriptors()) == before
    assert read_all(client).startswith(b"HTTP/1.1 400 ")


def test_a_descriptor_that_is_no_socket_is_closed(wire: Wire) -> None:
    before = len(descriptors())
    for datagram in (SIMPLE, b"garbage"):
        with Path(os.devnull).open("rb") as file:
            wire.send(datagram, [file.fileno()])
    wire.receive().close()
    with pytest.raises(DecodeError):
        wire.receiver.receive()
    assert len(descriptors()) == before


def test_a_client_that_is_gone_already(wire: Wire) -> None:
    wire.send_request(b"garbage").close()
    with pytest.raises(DecodeError):
        wire.receiver.receive()


def test_a_client_that_takes_nothing_is_not_waited_for(wire: Wire) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        with suppress(BlockingIOError):
            while True:
                theirs.send(b"x" * 65536)
        theirs.setblocking(True)
        wire.send(b"garbage", [theirs.fileno()])
        with pytest.raises(DecodeError):
            wire.receiver.receive()


def test_the_receiver_goes_on_after_bad_requests(wire: Wire) -> None:
    before = len(descriptors())
    for datagram in [*MALFORMED.values(), SIMPLE] * 20:
        client = wire.send_request(datagram)
        try:
            wire.receive().close()
        except ProtocolError:
            assert datagram != SIMPLE
        client.close()
    assert len(descriptors()) == before


def test_end_of_file(wire: Wire) -> None:
    clients = [wire.send_request(), wire.send_request()]
    wire.front.close()
    for client in clients:
        with wire.receive() as request:
            request.stream.write(b"still answered")
        assert read_all(client) == b"still answered"
    assert wire.receiver.receive() is None
    assert wire.receiver.receive() is None


def test_end_of_file_by_shutdown(wire: Wire) -> None:
    wire.front.shutdown(socket.SHUT_WR)
    assert wire.receiver.receive() is None


def test_an_empty_datagram_is_no_end_of_file(wire: Wire) -> None:
    wire.send(b"", [])
    client = wire.send_request()
    wire.front.shutdown(socket.SHUT_WR)
    with pytest.raises(DescriptorError):
        wire.receiver.receive()
    with client, wire.receive() as request:
        assert request.url == b"/a"
    assert wire.receiver.receive() is None


def test_waiting_is_up_to_the_caller(wire: Wire) -> None:
    with pytest.raises(BlockingIOError):
        wire.receiver.receive(socket.MSG_DONTWAIT)
    wire.back.settimeout(0.001)
    with pytest.raises(TimeoutError):
        wire.receiver.receive()


def test_time_stamps(wire: Wire) -> None:
    receiver = Receiver(wire.back, timestamps=True)
    before = time.time_ns()
    client = wire.send_request()
    after = time.time_ns()
    with client, receiver.receive() or pytest.fail("no request") as request:
        assert request.arrival_ns is not None
        assert before <= request.arrival_ns <= after
        assert request.url == b"/a"
    for surplus in (1, 29):
        client = wire.send_request(surplus=surplus)
        with pytest.raises(DescriptorError):
            receiver.receive()
        assert read_all(client).startswith(b"HTTP/1.1 400 ")
    wire.front.close()
    assert receiver.receive() is None


def test_who_sent_a_request_may_come_with_it(wire: Wire) -> None:
    """If somebody has asked the kernel for it."""
    wire.back.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    client = wire.send_request()
    with client, wire.receive() as request:
        assert request.url == b"/a"


def test_threads_share_a_socket(wire: Wire) -> None:
    seen: list[bytes] = []
    lock = threading.Lock()  # guards the list

    def serve() -> None:
        receiver = Receiver(wire.back)
        while (request := receiver.receive()) is not None:
            with request, lock:
                seen.append(request.url)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    urls = [b"/%d" % number for number in range(200)]
    for url in urls:
        wire.send_request(encode_request(b"GET", url, b"HTTP/1.1", url[1:], [])).close()
    wire.front.shutdown(socket.SHUT_WR)
    for thread in threads:
        thread.join(20)
    assert sorted(seen) == sorted(urls)


def test_one_request_by_number_of_the_descriptor(wire: Wire) -> None:
    for receive in (recv_request, recvreq):
        client = wire.send_request()
        request = receive(wire.back.fileno())
        assert request is not None
        with client, request:
            assert request.url == b"/a"
    assert wire.back.fileno() >= 0
    client = wire.send_request()
    with client, recv_request(wire.back) or pytest.fail("no request"):
        pass


def test_descriptors_that_are_no_handler_sockets(wire: Wire) -> None:
    with pytest.raises(HandlerSocketError, match="999999 is not a handler socket"):
        recv_request(999_999)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(HandlerSocketError):
        recv_request(ours.fileno())
    with Path(os.devnull).open("rb") as file, pytest.raises(HandlerSocketError):
        recv_request(file.fileno())


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("close", [socket.socket.close, lambda sock: sock.shutdown(socket.SHUT_WR)])
def test_empty_datagrams_are_not_the_end(wire: Wire, count: int, close: Any) -> None:
    for _ in range(count):
        wire.send(b"", [])
    client = wire.send_request()
    close(wire.front)
    for _ in range(count):
        with pytest.raises(DescriptorError):
            wire.receiver.receive()
    with wire.receive() as request:
        assert request.url == b"/a"
    assert wire.receiver.receive() is None
    client.close()


def test_nothing_but_empty_datagrams(wire: Wire) -> None:
    wire.send(b"", [])
    client = wire.send_request(b"")
    wire.send(b"", [])
    wire.front.close()
    for _ in range(3):
        with pytest.raises(ProtocolError):
            wire.receiver.receive()
    assert wire.receiver.receive() is None
    assert read_all(client).startswith(b"HTTP/1.1 400 ")


def test_looking_for_a_datagram_installs_no_descriptor(wire: Wire) -> None:
    assert not holds_datagram(wire.back)
    wire.send(b"", [wire.front.fileno()])
    before = descriptors()
    assert holds_datagram(wire.back)
    with wire.front.dup():
        pass
    assert descriptors() == before
    with pytest.raises(DecodeError):
        wire.receiver.receive()


class Failing(socket.socket):
    """A socket whose receiving call has no descriptor to install, so many times."""

    failures = 2
    error = errno.EMFILE

    def recvmsg_into(self, *args: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(self.error, os.strerror(self.error))
        return super().recvmsg_into(*args)


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE])
def test_a_receiving_call_without_descriptors_is_repeated(wire: Wire, error: int) -> None:
    with Failing(fileno=os.dup(wire.back.fileno())) as back:
        back.error = error
        receiver = Receiver(back)
        with wire.send_request():
            with pytest.raises(BlockingIOError):
                receiver.receive(socket.MSG_DONTWAIT)
            request = receiver.receive()
            assert request is not None
            request.close()
        back.error, back.failures = errno.EIO, 1
        with pytest.raises(OSError, match="error"):
            receiver.receive()


def test_the_word_that_a_handler_has_loaded() -> None:
    """Older front ends want the word alone."""
    code = "import socket\nfrom ashd.proto import describe_handler, recv_request\n"
    code += "describe_handler('a wiki')\nrecv_request(socket.socket(fileno=0))"
    for value, word in (("1", b"ready"), ("2", b"ready a wiki")):
        with running_python(code, env={**os.environ, "ASHD_TELL_READY": value}) as handler:
            handler.socket.settimeout(DEADLINE)
            assert handler.socket.recv(100) == word
