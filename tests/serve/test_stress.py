"""16 senders, mixed requests, clients that leave, applications that fail: nothing is lost or leaks.

`ASHD_STRESS_REQUESTS` sets how many requests each model gets; the full number is 100,000.
"""

from __future__ import annotations

import os
import random
import socket
import threading

import pytest

from ashdtest.handlers import Handler
from ashdtest.processes import descriptor_count, thread_count
from ashdtest.wsgiprograms import PATIENCE, body_of, read_response, until, wsgi

SENDERS = 16
REQUESTS = int(os.environ.get("ASHD_STRESS_REQUESTS", "4000"))

KINDS = (
    # weight, milliseconds, bytes, failure
    (80, 0, 0, "none"),
    (8, 1, 0, "none"),
    (2, 20, 0, "none"),
    (4, 0, 300_000, "none"),
    (3, 0, 0, "call"),
    (3, 0, 0, "iterator"),
)

MODELS = ("free", "free:max=20", "rplex", "single", "pool", "pool:max=4,timeout=60")


class Sender(threading.Thread):
    """Sends requests one after another, some of which it abandons."""

    def __init__(self, handler: Handler, seed: int) -> None:
        super().__init__(daemon=True)
        self._handler = handler
        self._random = random.Random(seed)
        self.wrong: list[str] = []
        self.count = 0

    def run(self) -> None:
        weights = [kind[0] for kind in KINDS]
        for _ in range(REQUESTS // SENDERS):
            kind = self._random.choices(KINDS, weights)[0]
            try:
                self._send(*kind[1:])
            except Exception as error:
                self.wrong.append(f"{kind}: {error!r}")
            self.count += 1

    def _send(self, milliseconds: int, size: int, failure: str) -> None:
        client = self._handler.open(f"/?{milliseconds},{size},{failure}".encode())
        if self._random.random() < 0.03:
            client.close()
        else:
            check(client, size, failure)


def check(client: socket.socket, size: int, failure: str) -> None:
    answer = read_response(client)
    if failure == "call":
        assert answer.startswith(b"HTTP/1.1 500 "), answer[:100]
    elif failure == "iterator":
        assert body_of(answer) == b"first"
    else:
        assert body_of(answer) == (b"first" + bytes(size) if size else b"quick")


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_lost(model: str) -> None:
    with wsgi("mixed_app", "-t", model) as handler:
        handler.call(b"/?0,0,none", timeout=PATIENCE)
        descriptors = descriptor_count(handler.pid)
        senders = [Sender(handler, seed) for seed in range(SENDERS)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert [wrong for sender in senders for wrong in sender.wrong] == []
        assert sum(sender.count for sender in senders) == REQUESTS // SENDERS * SENDERS
        until(lambda: descriptor_count(handler.pid) <= descriptors, "descriptors to be closed")
        until(lambda: thread_count(handler.pid) <= 27, "threads to end")  # pool's may live on
        assert handler.call(b"/?0,0,none", timeout=PATIENCE).body == b"quick"
