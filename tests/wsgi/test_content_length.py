"""`--content-length`: bodies that come in chunks get a length, for applications that read by it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from ashdtest.bodies import BODY, CHUNKED, TEXT, declared
from ashdtest.commands import command, module
from ashdtest.exchanges import served
from ashdtest.handlers import read_all, running
from ashdtest.processes import descriptors

MIB = 1 << 20


def reads_by_length(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Read as Django, Falcon and Radicale do."""
    start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", "none"))])
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]


def answer(client: socket.socket, *pieces: bytes) -> bytes:
    for piece in pieces:
        client.sendall(piece)
    client.shutdown(socket.SHUT_WR)
    return read_all(client)


def ask(application: Any, way: str, *pieces: bytes, content_length: bool = True) -> bytes:
    """Send an application pieces of a body that comes in chunks."""
    with (
        served(application, way, content_length=content_length) as server,
        server.open(method=b"POST", headers=CHUNKED) as client,
    ):
        return answer(client, *pieces)


@pytest.mark.parametrize("size", [0, 1, 65536, 3 * MIB + 1])
def test_a_body_in_chunks_has_a_length(way: str, size: int) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    got = ask(reads_by_length, way, body[: size // 2], body[size // 2 :])
    assert b"X-Length: %d\r\n" % size in got
    assert got.endswith(b"\r\n\r\n" + body)


def test_other_bodies_are_as_they_were(way: str) -> None:
    with served(reads_by_length, way, content_length=True) as server:
        with server.open(method=b"POST", headers=declared(len(BODY))) as client:
            assert answer(client, BODY).endswith(b"\r\n\r\n" + BODY)
        with server.open(headers=TEXT) as client:  # which does not even say that there is no body
            assert b"X-Length: none\r\n" in read_all(client)


def test_without_the_option_a_body_in_chunks_has_none(way: str) -> None:
    assert b"X-Length: none\r\n" in ask(reads_by_length, way, BODY, content_length=False)


def test_it_can_be_read_in_every_way(way: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        read = [stream.readline(), *stream.readlines(1), next(stream), stream.read(1)]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"|".join([*read, stream.read(), stream.read()])]

    assert ask(application, way, BODY).endswith(b"first\n|second line\n|\n|l|ast|")


def test_it_keeps_to_pep_3333(way: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    assert ask(validator(application), way, BODY).endswith(BODY)


def test_a_body_that_is_cut_never_reaches_the_application(way: str) -> None:
    calls: list[object] = []
    before = descriptors()
    with served(lambda *given: calls.append(given), way, content_length=True) as server:
        with server.open(method=b"POST", headers=CHUNKED) as client:
            client.sendall(BODY)
        assert server.call(headers=TEXT).status == 500  # the next one, which is called
    assert len(calls) == 1
    assert descriptors() == before


def test_the_option(tmp_path: Path) -> None:
    folder = module(
        tmp_path,
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [environ.get('CONTENT_LENGTH', 'none').encode()]\n",
    )
    for options, length in ((["--content-length"], str(len(BODY))), ([], "none")):
        with (
            running(command(*options, "-p", folder, "-A", "app")) as handler,
            handler.open(method=b"POST", headers=CHUNKED) as client,
        ):
            assert answer(client, BODY).endswith(b"\r\n\r\n" + length.encode())
