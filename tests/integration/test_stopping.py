"""Signals while responses are on their way."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import OURS, FrontEnd
from ashdtest.processes import exists, wait_until
from ashdtest.sites import site

STREAMS = 3


def start_stream(server: FrontEnd, gate: Path) -> Client:
    """Start a response that ends when the gate is there; return after its first line.

    Its connection isn't kept: the reference front end waits for idle ones before it ends.
    """
    connection = Client(server.connect())
    connection.send(request(f"/waits_for_gate?{quote(str(gate))}", "Connection: close"))
    connection.until(b"before\n")
    return connection


def refused(server: FrontEnd) -> bool:
    """Tell whether nobody takes connections any more."""
    try:
        with server.connect():
            return False
    except OSError:
        return True


@pytest.mark.parametrize("stopped", ["front end", "handler"])
def test_responses_are_finished(front: str, model: str, stopped: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    # Where one response blocks all others there can be just one that waits.
    streams = STREAMS if model in {"free", "pool"} else 1
    alone = stopped == "handler" and front == OURS  # by default ours would start another one
    status = 1 if alone else 0
    options = ["--no-respawn"] if alone else []
    with site("zoo", front=front, model=model, options=options, status=status) as server:
        connections = [start_stream(server, gate) for _ in range(streams)]
        os.kill(server.pid if stopped == "front end" else server.handler_pid, signal.SIGTERM)
        if stopped == "front end":
            wait_until(lambda: refused(server), what="the listener's end")
        gate.touch()
        for connection in connections:
            with connection:
                assert b"after\n" in connection.rest()
        assert server.wait() == status
        wait_until(lambda: not exists(server.handler_pid), what="the handler's end")


def test_a_second_signal_ends_the_front_end_at_once(front: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with (
        site("zoo", front=front, status=None) as server,
        start_stream(server, gate) as connection,
    ):
        server.terminate()
        wait_until(lambda: refused(server), what="the listener's end")
        server.terminate()
        server.wait()
        assert b"after\n" not in connection.rest()
        gate.touch()  # the handler finishes what it has, and ends
        wait_until(lambda: not exists(server.handler_pid), what="the handler's end")


def test_a_second_signal_ends_the_handler_at_once(model: str, tmp_path: Path) -> None:
    with (
        site("zoo", model=model, options=["--no-respawn"], status=None) as server,
        start_stream(server, tmp_path / "never") as connection,
    ):
        os.kill(server.handler_pid, signal.SIGTERM)
        # Once it was seen, the next one is the system's own business.
        wait_until(lambda: not catches(server.handler_pid, signal.SIGTERM))
        os.kill(server.handler_pid, signal.SIGTERM)
        wait_until(lambda: not exists(server.handler_pid), what="the handler's end")
        assert b"after\n" not in connection.rest()


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler for a signal."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False
