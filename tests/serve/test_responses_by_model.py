"""What applications do and what their clients see, under every model and as a real process."""

from __future__ import annotations

import select
import socket
from pathlib import Path

import pytest

from ashdtest.processes import MODELS, descriptor_count, room_for, thread_count
from ashdtest.wsgiprograms import (
    PATIENCE,
    body_of,
    read_response,
    until,
    wsgi,
)

DOWNLOADS = 2000
SIZE = 400_000  # more than the response socket takes

every_model = pytest.mark.parametrize("model", MODELS)


@every_model
@pytest.mark.parametrize("kind", ["one", "raise", "first", "empty", "exit", "big"])
def test_close_is_called_once(model: str, kind: str, tmp_path: Path) -> None:
    log = tmp_path / "closed"
    with wsgi("closing_app", "-t", model) as handler:
        client = handler.open(b"/%b?%b" % (kind.encode(), str(log).encode()))
        if kind == "big":
            client.recv(10)
            client.close()  # and is gone
        else:
            assert read_response(client)
        until(log.exists, "close()")
        assert handler.call(b"/one?" + str(log).encode(), timeout=PATIENCE).status == 200
    assert sorted(log.read_text().split()) == sorted([kind, "one"])


@every_model
def test_a_failing_application_costs_its_own_request_only(model: str) -> None:
    with wsgi("mixed_app", "-t", model) as handler:
        for _ in range(10):
            assert handler.call(b"/?0,0,call", timeout=PATIENCE).status == 500
            assert read_response(handler.open(b"/?0,0,iterator")).endswith(b"first")
            assert handler.call(b"/?0,0,none", timeout=PATIENCE).body == b"quick"


@every_model
def test_late_start_response_empty_pieces_and_no_close(model: str) -> None:
    with wsgi("stream_app", "-t", model) as handler:
        assert handler.call(b"/?1000000", timeout=PATIENCE).body == bytes(1_000_000)


@every_model
def test_write(model: str) -> None:
    with wsgi("write_app", "-t", model) as handler:
        assert handler.call(timeout=PATIENCE).body == b"written, returned"


def test_slow_downloads_hold_no_thread() -> None:
    with (
        room_for(2 * DOWNLOADS + 200),
        wsgi("stream_app", "-t", "rplex:max=4") as handler,
    ):
        clients = [handler.open(b"/?%d" % SIZE) for _ in range(DOWNLOADS)]
        wait_until_all_have_begun(clients)
        assert descriptor_count(handler.pid) > DOWNLOADS
        assert thread_count(handler.pid) <= 8
        assert handler.call(b"/?10", timeout=PATIENCE).body == bytes(10)
        for client in clients[::2]:
            client.close()
        for client in clients[1::2]:
            assert body_of(read_response(client)) == bytes(SIZE)
        until(lambda: descriptor_count(handler.pid) < 50, "all descriptors to be closed")


def wait_until_all_have_begun(clients: list[socket.socket]) -> None:
    for client in clients:
        poll = select.poll()
        poll.register(client, select.POLLIN)
        assert poll.poll(PATIENCE * 1000), "a download does not begin"
