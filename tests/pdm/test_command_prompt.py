"""Prompts of daemons that are lost, or that answer what nobody asked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ashd.pdm import ConnectionLost
from ashd.pdm.command.repl._session import Session
from ashdtest.debugsocket import server

GREETING = b"+PDM1\n+REPL\n"


def answers(*given: bytes) -> Callable[[socket.socket], None]:
    """Greet, say what is here for each command, and go away."""

    def serve(sock: socket.socket) -> None:
        with sock.makefile("rb") as stream:
            sock.sendall(GREETING)
            stream.readline()
            for answer in given:
                while stream.readline() != b"\n":
                    pass
                sock.sendall(answer)

    return serve


def test_a_daemon_that_goes_at_once(place: Path) -> None:
    with server(place, answers()) as path, pytest.raises(ConnectionLost):
        Session(path, None)


def test_questions_that_are_not_answered(place: Path) -> None:
    noise = b" noise\n \x01pdm:(\n+OK\n"
    with (
        server(place, answers(b"+OK\n", noise, noise, b" x\n+OK\n")) as path,
        Session(path, None) as session,
    ):
        assert session.complete("na") == (0, [])
        assert session.describe("name?") == []
        assert session.complete("na") == (0, [])
        assert session.complete("the daemon has gone") == (0, [])
