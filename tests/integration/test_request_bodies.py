"""Request bodies on their whole way: read, unread, cut, and of doubtful length."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator

import pytest

from ashdtest.cases import about
from ashdtest.client import Client, chunked, post, request
from ashdtest.frontend import OURS, FrontEnd
from ashdtest.processes import wait_until
from ashdtest.sites import site

HELLO = b"Hello, world!\n"
MIB = 1 << 20
PLAIN = "Content-Type: application/octet-stream"
CHUNKED = "Transfer-Encoding: chunked"


def client(server: FrontEnd) -> Client:
    return Client(server.connect())


def answer(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}\n".encode()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3 * MIB + 1])
def test_with_a_length(zoo: FrontEnd, size: int) -> None:
    data = b"0123456789" * (size // 10) + b"x" * (size % 10)
    with client(zoo) as connection:
        for _ in range(2):
            assert connection.send(post("/takes_upload", data)).reply().body == answer(data)


@pytest.mark.parametrize("pieces", [(), (b"x",), (b"some", b" ", b"words"), (b"y" * MIB,) * 3])
def test_chunked(zoo: FrontEnd, pieces: tuple[bytes, ...]) -> None:
    message = request("/takes_upload", CHUNKED, PLAIN, method="POST", body=chunked(*pieces))
    with client(zoo) as connection:
        for _ in range(2):
            assert connection.send(message).reply().body == answer(b"".join(pieces))


def test_the_client_is_told_to_go_on(zoo: FrontEnd) -> None:
    head = request(
        "/takes_upload", "Content-Length: 5", PLAIN, "Expect: 100-continue", method="POST"
    )
    with client(zoo) as connection:
        assert connection.send(head).reply().status == 100
        assert connection.send(b"12345").reply().body == answer(b"12345")
        assert connection.send(request("/hello")).reply().body == HELLO


def test_an_unread_body_of_any_size_does_not_disturb_the_response(zoo: FrontEnd) -> None:
    with client(zoo) as connection:
        for size in (1, 100_000, 20 * MIB):
            reply = connection.send(post("/ignores_body", bytes(size))).reply()
            assert (reply.status, reply.body) == (413, b"too large for us\n")
        assert connection.send(request("/hello")).reply().body == HELLO


def test_an_early_answer_comes_before_the_body_is_sent(zoo: FrontEnd) -> None:
    head = request("/ignores_body", f"Content-Length: {MIB}", PLAIN, method="POST")
    with client(zoo) as connection:
        reply = connection.send(head + b"the start").reply()
        assert (reply.status, reply.body) == (413, b"too large for us\n")


def test_much_is_written_before_a_large_body_is_read(zoo: FrontEnd) -> None:
    data = b"0123456789abcdef" * (5 * MIB // 16)
    with client(zoo) as connection:
        sender = threading.Thread(
            target=connection.send, args=(post("/writes_before_reading?8", data),)
        )
        sender.start()
        reply = connection.reply()
        sender.join()
    assert len(reply.body) == 8 * MIB + 64
    assert reply.body[-64:] == hashlib.sha256(data).hexdigest().encode()


@pytest.fixture(scope="module")
def streaming_zoo(front: str, model: str) -> Iterator[FrontEnd]:
    """Passes bodies on before they are whole, as the reference front end does."""
    options = ["--buffer-body=0"] if front == OURS else []
    with site("zoo", front=front, model=model, options=options) as server:
        yield server


BEGINNINGS = {
    "length, a part": ("Content-Length: 1000", b"x" * 300),
    "length, one byte is missing": ("Content-Length: 1000", b"x" * 999),
    "length, nothing": ("Content-Length: 1000", b""),
    "length, large": (f"Content-Length: {10 * MIB}", b"x" * 5 * MIB),
    "chunked, a whole chunk": (CHUNKED, chunked(b"some", b"words", end=False)),
    "chunked, half a chunk": (CHUNKED, b"5\r\nab"),
    "chunked, nothing": (CHUNKED, b""),
    "chunked, no last empty line": (CHUNKED, chunked(b"some", end=False) + b"0\r\n"),
}


@pytest.mark.parametrize("go", [Client.leave, Client.reset], ids=["close", "reset"])
@pytest.mark.parametrize("how", ["all", "blocks", "lines", "readline"])
def test_a_cut_body_is_no_clean_end(
    streaming_zoo: FrontEnd, how: str, go: Callable[[Client], None]
) -> None:
    for name, (field, sent) in BEGINNINGS.items():
        with about(name):
            cut_a_body(streaming_zoo, how, field, sent, go)


def cut_a_body(
    zoo: FrontEnd, how: str, field: str, sent: bytes, go: Callable[[Client], None]
) -> None:
    log = len(zoo.log)
    connection = client(zoo)
    connection.send(request(f"/meets_cut_body?{how}", field, PLAIN, method="POST", body=sent))
    wait_until(lambda: f"reading: {how}" in zoo.log[log:])
    go(connection)
    wait_until(lambda: f"{how}: " in zoo.log[log:].replace(f"reading: {how}", ""))
    assert f"{how}: cut" in zoo.log[log:]


@pytest.mark.parametrize("how", ["all", "blocks", "lines", "readline"])
def test_a_whole_body_has_a_clean_end(zoo: FrontEnd, how: str) -> None:
    target = f"/meets_cut_body?{how}"
    with client(zoo) as connection:
        assert connection.send(post(target, b"x" * 999)).reply().body == b"clean end"
        message = request(target, CHUNKED, PLAIN, method="POST", body=chunked(b"some", b"words"))
        assert connection.send(message).reply().body == b"clean end"
        assert connection.send(request(target)).reply().body == b"clean end"


SMUGGLED = request("/hello/smuggled")
SIZE = f"Content-Length: {len(SMUGGLED)}"
DOUBTFUL = {
    "no type": (SIZE,),
    "length and coding": (SIZE, CHUNKED, PLAIN),
    "two lengths": (SIZE, "Content-Length: 0", PLAIN),
    "two codings": ("Transfer-Encoding: gzip, chunked", PLAIN),
}


@pytest.mark.parametrize("path", ["/hello", "/ignores_body", "/fails_early?RuntimeError"])
@pytest.mark.parametrize("fields", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_body_of_doubtful_length_is_never_taken_for_a_request(
    zoo: FrontEnd, fields: tuple[str, ...], path: str
) -> None:
    with client(zoo) as connection:
        last = request("/answers_status/299", "Connection: close")
        connection.send(request(path, *fields, method="POST", body=SMUGGLED) + last)
        assert connection.reply().status >= 200
        rest = connection.rest()  # of a front end that is certain of the body's end, or nothing
        assert not rest or (rest.startswith(b"HTTP/1.1 299 ") and rest.count(b"HTTP/1.1") == 1)
    assert "smuggled" not in zoo.log
