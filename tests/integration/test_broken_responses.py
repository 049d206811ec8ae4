"""Responses without a length that fail midway must not look whole to the client.

Below our front end only: the reference one takes any end of the response socket for a good one.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import OURS, FrontEnd
from ashdtest.processes import wait_until
from ashdtest.sites import site


@pytest.fixture(scope="module")
def front() -> str:
    return OURS


WAYS = ["raise", "text", "write", "file"]


@pytest.mark.parametrize("how", WAYS)
def test_the_client_sees_that_it_was_cut(zoo: FrontEnd, how: str) -> None:
    with Client(zoo.connect()) as client:
        client.send(request(f"/breaks_off?{how}"))
        with pytest.raises(ConnectionError):
            client.reply()
    wait_until(lambda: f"GET /breaks_off?{how}: the application failed" in zoo.log)


@pytest.mark.parametrize("how", WAYS)
def test_an_old_client_sees_a_reset(zoo: FrontEnd, how: str) -> None:
    with Client(zoo.connect()) as client:
        client.send(request(f"/breaks_off?{how}", version="HTTP/1.0"))
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: client.sock.recv(1 << 16), b""))


def test_a_whole_response_keeps_the_connection(zoo: FrontEnd) -> None:
    with Client(zoo.connect()) as client:
        for _ in range(3):
            reply = client.send(request("/counts_lines?3")).reply()
            assert reply.headers["transfer-encoding"] == "chunked"
            assert reply.body == b"line 0\nline 1\nline 2\n"
            head = client.send(request("/counts_lines?3", method="HEAD")).reply(head_only=True)
            assert head.status == 200
        assert "connection" not in reply.headers


def test_a_handler_that_is_killed_cuts_its_responses(model: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with site("zoo", model=model, status=None) as server, Client(server.connect()) as client:
        client.send(request(f"/waits_for_gate?{quote(str(gate))}"))
        client.until(b"before\n")
        os.kill(server.handler_pid, signal.SIGKILL)
        assert not client.rest().endswith(b"0\r\n\r\n")
