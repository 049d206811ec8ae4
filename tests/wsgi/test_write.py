"""`write()` of PEP 3333."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from ashd.wsgi import ClientGoneError
from ashdtest.answers import LARGE
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all
from ashdtest.processes import DEADLINE


def test_write(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("A", "1")])
        write(b"")
        write(b"one ")
        write(b"two ")
        return [b"three"]

    response = serve(application).call()
    assert (response.status, response.get(b"A")) == (200, b"1")
    assert response.get(b"Content-Length") is None
    assert response.body == b"one two three"


def test_write_sends_at_once(way: str) -> None:
    received = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"first")
        assert received.wait(DEADLINE)
        return [b"second"]

    with served(application, way) as server, server.open() as client:
        assert client.recv(1000).endswith(b"\r\n\r\nfirst")
        received.set()
        assert read_all(client) == b"second"


def test_write_of_much(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", str(LARGE + 3))])
        write(bytes(LARGE))
        return [b"end"]

    assert serve(application).call().body == bytes(LARGE) + b"end"


def test_write_of_much_in_many_pieces(serve: Serve) -> None:
    pieces = [b"%d," % number for number in range(200_000)]

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        for piece in pieces:
            write(piece)
        return iter([b"end"])

    assert serve(application).call().body == b"".join(pieces) + b"end"


def test_a_driven_page_leaves_its_thread_before_the_client_reads() -> None:
    returned = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(bytes(1_000_000))
        returned.set()
        return []

    with served(application, "driven") as server, server.open() as client:
        assert returned.wait(DEADLINE)
        assert read_all(client).endswith(bytes(1_000_000))


def test_what_a_client_takes_while_its_page_is_made_is_not_sent_twice() -> None:
    size = 300_000  # more than the socket takes at a time, and less than it takes twice
    unread, taken = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(bytes(size))
        unread.set()
        assert taken.wait(DEADLINE)
        return []

    with served(application, "driven") as server, server.open() as client:
        assert unread.wait(DEADLINE)
        client.setblocking(False)
        first = b""
        with suppress(BlockingIOError):
            while True:
                first += client.recv(size)
        taken.set()
        client.settimeout(DEADLINE)
        whole = first + read_all(client)
        assert len(first) < size
        assert whole.endswith(b"\r\n\r\n" + bytes(size))


def test_a_driven_application_waits_when_much_is_unsent() -> None:
    written: list[int] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        for _ in range(100):
            write(bytes(LARGE))
            written.append(LARGE)
        return []

    with served(application, "driven") as server, server.open() as client:
        received = 0
        while piece := client.recv(1 << 20):
            received += len(piece)
            assert sum(written) <= received + (4 << 20)
    assert received > 100 * LARGE


def test_write_alone(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"all")
        return []

    assert serve(application).call().body == b"all"


@pytest.mark.parametrize("data", ["text", 5, None])
def test_write_of_other_things(serve: Serve, data: Any, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(data)
        return []

    assert serve(application).call().status == 500
    assert "pieces of bytes" in caplog.text


def test_write_beyond_the_length(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", "3")])
        write(b"12")
        write(b"34")
        write(b"56")
        return [b"78"]

    assert serve(application).call().body == b"123"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("caught", [False, True])
def test_a_client_that_goes_away_raises_in_write(
    way: str, caught: bool, caplog: pytest.LogCaptureFixture
) -> None:
    raised: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        try:
            for _ in range(1000):
                write(bytes(LARGE))
        except OSError as error:
            raised.append(error)
            if not caught:
                raise
        return []

    with served(application, way) as server, server.open() as client:
        client.recv(1)
    assert [type(error) for error in raised] == [ClientGoneError]
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]
