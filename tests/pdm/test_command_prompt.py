"""Prompts of daemons that are lost, or that answer what nobody asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ashd.pdm import ConnectionLost
from ashd.pdm.command.repl._session import Session

GREETING = b"+PDM1\n+REPL\n"


@contextmanager
def server(place: Path, *answers: bytes) -> Iterator[str]:
    """A daemon that greets, says what is here for each command, and goes away."""
    path = str(place / "server")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            sock, _ = listening.accept()
            with sock, sock.makefile("rb") as stream:
                sock.sendall(GREETING)
                stream.readline()
                for answer in answers:
                    while stream.readline() != b"\n":
                        pass
                    sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield path
        thread.join()


def test_a_daemon_that_goes_at_once(place: Path) -> None:
    with server(place) as path, pytest.raises(ConnectionLost):
        Session(path, None)


def test_questions_that_are_not_answered(place: Path) -> None:
    noise = b" noise\n \x01pdm:(\n+OK\n"
    with (
        server(place, b"+OK\n", noise, noise, b" x\n+OK\n") as path,
        Session(path, None) as session,
    ):
        assert session.complete("na") == (0, [])
        assert session.describe("name?") == []
        assert session.complete("na") == (0, [])
        assert session.complete("the daemon has gone") == (0, [])
