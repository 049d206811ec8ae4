"""The relay, which runs on another machine for clients that come through ssh. Here ssh is a script
that runs its command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ashd.pdm import ConnectError, ConnectionLost, cli
from ashdtest.debugsocket import RawClient
from ashdtest.processes import wait_until

SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
[ "$2" = "me@host" ] || exit 5
exec sh -c "$3"
"""


@pytest.fixture
def ssh(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = place / "ssh"
    script.write_text(SSH)
    script.chmod(0o755)
    monkeypatch.setenv("ASHD_PDM_SSH", f"{script} -o Option=yes")


def test_targets_through_ssh(address: str, ssh: None) -> None:
    with cli.replclient(f"me@host:{address}") as client:
        assert client.run("1 + 1") == "2\n"
        assert len(client.run("print('x' * 300_000)")) > 300_000
    with cli.perfclient(f"me@host:{address}") as perf_client:
        assert perf_client.find("pdm.perf.sysinfo/pid").readattr() == os.getpid()


def test_a_path_with_strange_characters(address: str, place: Path, ssh: None) -> None:
    strange = place / "a 'b' $HOME \"c\";"
    strange.symlink_to(address)
    with cli.replclient(f"me@host:{strange}") as client:
        assert client.run("1") == "1\n"


def test_nobody_there(place: Path, ssh: None, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConnectError, match="the server closed the connection"):
        cli.replclient(f"me@host:{place}/nothing")
    assert "can't connect to" in capfd.readouterr().err


def test_leaving_through_ssh_interrupts(address: str, ssh: None) -> None:
    client = cli.replclient(f"me@host:{address}")
    assert client._stream.process is not None  # type: ignore[attr-defined]

    def run() -> None:
        with pytest.raises(ConnectionLost):
            client.execute("while True: print(1)", lambda _line: running.set())

    running = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert running.wait(20)
    client._stream.process.send_signal(signal.SIGKILL)  # type: ignore[attr-defined]
    thread.join()
    client.close()
    wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])


def relay(address: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ashd.pdm.relay", address]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_the_module_as_a_command(address: str) -> None:
    with relay(address) as process:
        output, _ = process.communicate(b"repl\nprint('through')\n\n")
        assert output == b"+PDM1\n+REPL\n through\n+OK\n"
        assert process.returncode == 0


def test_the_relay_ends_when_nobody_reads_it_any_more(address: str) -> None:
    with relay(address) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"repl\nwhile True: pass\n\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"+PDM1\n"
        process.stdout.close()
        assert process.wait(20) == 0
    wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])


def test_the_relay_ends_with_the_server(address: str) -> None:
    with relay(address) as process, RawClient(address, "repl") as other:
        assert process.stdout
        assert process.stdout.readline() == b"+PDM1\n"
        assert process.stdin
        process.stdin.write(b"gopher\n")
        process.stdin.flush()
        assert process.stdout.read().startswith(b"-ERR")
        assert process.wait(20) == 0
        assert other.run("1") == (["1"], "+OK")


def test_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ashd.pdm.relay"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "usage: python3 -m ashd.pdm.relay PATH\n"
