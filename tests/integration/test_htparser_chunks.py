"""Responses that a root handler chunks by itself: the last chunk says that they are whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader

CUT = ["cut", "malformed", "kill"]
CURL_SAYS_CUT = {"--http1.1": 18, "--http1.0": 56}
"""Exit status: a chunked body without its end; a connection that was reset."""


@pytest.fixture(scope="module")
def fifo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At which the handler waits; one for all tests."""
    path = tmp_path_factory.mktemp("chunks") / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def server(fifo: Path) -> Iterator[FrontEnd]:
    with front_end(HANDLER, env={**os.environ, "FIFO": str(fifo)}) as running:
        yield running


def request(how: str, version: str) -> bytes:
    return f"GET /chunks?{how} HTTP/{version}\r\nHost: a\r\n\r\n".encode()


def test_a_whole_response_keeps_the_connection(server: FrontEnd) -> None:
    with server.connect() as sock:
        reader = Reader(sock)
        for _ in range(3):
            sock.sendall(request("whole", "1.1"))
            reply = reader.reply()
            assert reply.headers["transfer-encoding"] == "chunked"
            assert "connection" not in reply.headers
            assert reply.body == b"abcdef"


def test_http_10_gets_what_is_in_the_chunks(server: FrontEnd) -> None:
    head, _, body = server.exchange(request("whole", "1.0")).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"abcdef"


@pytest.mark.parametrize("how", CUT)
def test_a_cut_response_does_not_look_whole(server: FrontEnd, fifo: Path, how: str) -> None:
    for version in ("1.1", "1.0"):
        with server.connect() as sock:
            sock.sendall(request(how, version))
            reader = Reader(sock)
            if how == "kill":
                reader.until(b"abc")
                fifo.write_bytes(b"")
            if version == "1.0":
                with pytest.raises(ConnectionResetError):
                    read_all(reader)
            else:
                assert b"\r\n0\r\n" not in read_all(reader)


def read_all(reader: Reader) -> bytes:
    data = b""
    try:
        while True:
            data += reader.exactly(1)
    except ConnectionResetError:
        raise
    except ConnectionError:
        return data


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
@pytest.mark.parametrize("option", CURL_SAYS_CUT)
def test_curl_can_tell(server: FrontEnd, fifo: Path, option: str) -> None:
    for how in ("whole", *CUT):
        command = ["curl", "-sN", option, f"{server.url}/chunks?{how}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
            assert curl.stdout is not None
            if how == "kill":
                assert curl.stdout.read(3) == b"abc"
                fifo.write_bytes(b"")
            curl.stdout.read()
            assert curl.wait(60) == (0 if how == "whole" else CURL_SAYS_CUT[option])


def test_why_it_was_cut_is_logged(server: FrontEnd) -> None:
    server.exchange(request("malformed", "1.1"))
    server.wait_for_log(
        "GET /chunks?malformed: the response was cut: A chunk of the response is longer"
    )
