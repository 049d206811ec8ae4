"""What a service manager says in the environment, and what it is told."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from ashd.htparser._life import Life
from ashd.htparser._systemd import Manager, Notifier, take_environment

ME = str(os.getpid())


def test_the_environment_is_taken() -> None:
    environ = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "2500000",
        "WATCHDOG_PID": ME,
        "LISTEN_FDS": "3",
        "LISTEN_PID": ME,
        "LISTEN_FDNAMES": "web:admin",
        "PATH": "/bin",
    }
    manager = take_environment(environ)
    assert environ == {"PATH": "/bin"}
    assert (manager.socket, manager.watchdog) == ("/run/notify", 2.5)
    assert manager.listening == ((3, "web"), (4, "admin"), (5, ""))


def test_what_is_meant_for_another_process_or_means_nothing() -> None:
    for environ in (
        {},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "x", "LISTEN_PID": ME, "WATCHDOG_USEC": "-1"},
        {"LISTEN_FDS": "", "LISTEN_PID": ME, "WATCHDOG_USEC": ""},
    ):
        manager = take_environment(environ)
        assert not environ
        assert (manager.watchdog, manager.listening) == (0, ())


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1", "/no/such/socket", "/" * 200])
def test_nobody_listens(address: str) -> None:
    """Which must not keep anything from going on."""
    with closing(Notifier(address)) as notifier:
        notifier.ready("fine")


def test_a_manager_that_reads_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        with closing(Notifier(str(tmp_path / "notify"))) as notifier:
            for _ in range(5000):
                notifier.alive()
        assert sock.recv(100) == b"WATCHDOG=1"


def test_after_the_end_has_begun_no_other_state_is_told(tmp_path: Path) -> None:
    """Or the manager would take a service that ends for one that runs. Signs of life go on."""
    path = str(tmp_path / "notify")

    async def scenario() -> None:
        life = Life(Manager(path, 0.001, ()))
        life.stopping()
        reloaded: list[bool] = []
        life.reloading(lambda: reloaded.append(True))
        assert reloaded  # all the same
        life.ready(["*:80"], "")
        life.stopping()
        watched: list[float] = []

        def last_heard() -> float:
            watched.append(0.0)
            return math.inf

        life.attach(asyncio.get_running_loop(), last_heard)
        while len(watched) < 2:
            await asyncio.sleep(0)
        life.ended()

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        asyncio.run(scenario())
        assert sock.recv(1000).startswith(b"STOPPING=1\n")
        assert [sock.recv(1000) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1000)
