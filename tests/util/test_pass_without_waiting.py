"""Passing requests on to a child whose queue is full, without waiting for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ashd.proto import QueueFullError, Request
from ashd.util import PersistentChild
from ashdtest.processes import exists, wait_until


def test_a_full_queue_is_reported_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    ours, theirs = socket.socketpair()
    with ours, PersistentChild(["sh", "-c", f"read x < {gate}"], timeout=None) as child:
        with Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
            with pytest.raises(QueueFullError):
                fill(child, request)
            pid = child.pid
        gate.write_bytes(b"\n")
        assert pid is not None
        wait_until(lambda: not exists(pid))


def fill(child: PersistentChild, request: Request) -> None:
    for _ in range(100_000):
        child.pass_request(request, wait=False)
