"""What is set aside of a request's body while its response is being written, and what isn't."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ashdtest.answers import LARGE
from ashdtest.bodies import declared
from ashdtest.commands import attempt, command, module
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all, running
from ashdtest.processes import descriptors, state, wait_until

MIB = 1 << 20
SIZE = 20 * MIB
SOCKETS = 2 * MIB  # more than what is under way in them, and far below SIZE


def temporary_files() -> list[str]:
    return [what for what in descriptors().values() if what.endswith("(deleted)")]


@pytest.mark.parametrize("kind", ["piece", "pieces", "file"])
def test_nothing_is_kept_once_the_application_is_done(
    serve: Serve, kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(2 * LARGE))

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        if kind == "file":
            return environ["wsgi.file_wrapper"](file.open("rb"))
        return [bytes(LARGE)] * (1 if kind == "piece" else 3)

    before = temporary_files()
    with serve(application).open(method=b"POST", headers=declared(SIZE)) as client:
        client.sendall(bytes(SIZE))  # while nobody reads the response
        assert temporary_files() == before
        client.shutdown(socket.SHUT_WR)
        assert len(read_all(client)) >= LARGE


def test_what_is_kept_for_the_application_is_bounded(way: str) -> None:
    thread: list[int] = []
    body = b"0123456789abcdef" * (SIZE // 16)
    read: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        thread.append(threading.get_native_id())
        yield bytes(LARGE)
        read.append(environ["wsgi.input"].read())
        yield b"end"

    with (
        served(application, way, body_buffer=MIB) as server,
        server.open(method=b"POST", headers=declared(SIZE)) as client,
    ):
        client.setblocking(False)
        sent = 0

        def stuck() -> bool:
            nonlocal sent
            while writable(client):
                sent += client.send(body[sent : sent + MIB])
            return bool(thread) and state(thread[0]) == "S" and not writable(client)

        wait_until(stuck)
        assert sent < MIB + SOCKETS
        client.settimeout(60)
        sender = threading.Thread(target=finish, args=(client, body[sent:]))
        sender.start()
        assert read_all(client.dup()).endswith(bytes(LARGE) + b"end")
        sender.join()
    assert read == [body]


def writable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(0))


def finish(client: socket.socket, body: bytes) -> None:
    client.sendall(body)
    client.shutdown(socket.SHUT_WR)


def test_what_was_read_makes_room(way: str) -> None:
    body = b"0123456789abcdef" * (SIZE // 16)
    read: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while piece := environ["wsgi.input"].read(3 * MIB):
            read.append(piece)
            yield bytes(LARGE)

    with (
        served(application, way, body_buffer=MIB) as server,
        server.open(method=b"POST", headers=declared(SIZE)) as client,
    ):
        sender = threading.Thread(target=finish, args=(client, body))
        sender.start()
        answer = read_all(client.dup())
        sender.join()
    assert answer.endswith(bytes(LARGE) * 7)
    assert b"".join(read) == body


def test_the_option(tmp_path: Path) -> None:
    source = "def application(environ, start_response):\n    start_response('200 OK', [])\n"
    folder = module(tmp_path, source + "    return [environ['wsgi.input'].read()]\n")
    with running(command("--body-buffer", "1", "-Ap", folder, "app")) as handler:
        assert handler.call(method=b"POST", headers=declared(5), body=b"hello").body == b"hello"
    outcome = attempt(command("--body-buffer", "0", "-Ap", folder, "app"))
    assert outcome.status == 2
    assert "--body-buffer takes MIB" in outcome.stderr
