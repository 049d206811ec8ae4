"""`write()` of PEP 3333."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from ashd.wsgi import ClientGoneError, WriteUnsupportedError
from ashdtest.answers import LARGE
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all
from ashdtest.processes import DEADLINE


def test_write(serve: Serve, way: str, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("A", "1")])
        write(b"")
        write(b"one ")
        write(b"two ")
        return [b"three"]

    response = serve(application).call()
    if way == "driven":
        assert response.status == 500
        assert WriteUnsupportedError.__name__ in caplog.text
        assert "write() is not supported by this handler model" in caplog.text
    else:
        assert (response.status, response.get(b"A")) == (200, b"1")
        assert response.get(b"Content-Length") is None
        assert response.body == b"one two three"


def patient(application: Any, url: bytes = b"/") -> Any:
    with served(application, "patient") as server:
        return server.call(url)


def test_write_sends_at_once() -> None:
    received = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"first")
        assert received.wait(DEADLINE)
        return [b"second"]

    with served(application, "patient") as server, server.open() as client:
        assert client.recv(1000).endswith(b"\r\n\r\nfirst")
        received.set()
        assert read_all(client) == b"second"


def test_write_of_much() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", str(LARGE + 3))])
        write(bytes(LARGE))
        return [b"end"]

    assert patient(application).body == bytes(LARGE) + b"end"


def test_write_alone() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"all")
        return []

    assert patient(application).body == b"all"


@pytest.mark.parametrize("data", ["text", bytearray(b"x"), None])
def test_write_of_other_things(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(data)
        return []

    assert patient(application).status == 500
    assert "pieces of bytes" in caplog.text


def test_write_beyond_the_length(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", "3")])
        write(b"12")
        write(b"34")
        write(b"56")
        return [b"78"]

    assert patient(application).body == b"123"
    assert len(caplog.records) == 1


def test_a_client_that_goes_away_raises_in_write(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        try:
            for _ in range(1000):
                write(bytes(LARGE))
        except OSError as error:
            raised.append(error)
            raise
        return []

    with served(application, "patient") as server, server.open() as client:
        client.recv(1)
    assert [type(error) for error in raised] == [ClientGoneError]
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]
