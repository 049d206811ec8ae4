"""Targets through ssh. Here ssh is a script that forwards a socket as ssh does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from ashd.pdm import ConnectError, ConnectionLost, SpecError, cli
from ashdtest.processes import wait_until

SSH = r"""#!{python}
import os, socket, sys, threading

local, remote = sys.argv[sys.argv.index("-L") + 1].split(":", 1)
remote = remote.replace("\\:", ":").replace("\\\\", "\\").replace("%%", "%")
if sys.argv[-2:] != ["--", "me@host"]:
    sys.exit("ssh: this host is not known")
with open(os.environ["SSH_PID"], "w") as file:
    file.write(str(os.getpid()))

def copy(source, target):
    while piece := source.recv(65536):
        target.sendall(piece)
    target.shutdown(socket.SHUT_WR)

listener = socket.socket(socket.AF_UNIX)
listener.bind(local)
listener.listen()
while True:
    near, far = listener.accept()[0], socket.socket(socket.AF_UNIX)
    try:
        far.connect(remote)
    except OSError:
        sys.stderr.write("channel 2: open failed\n")
        near.close()
        continue
    for pair in ((near, far), (far, near)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""


@pytest.fixture
def pid_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file into which ssh writes its process number; it is installed, and knows one host."""
    script = place / "ssh"
    script.write_text(SSH.replace("{python}", sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("ASHD_PDM_SSH", f"{script} -o Option=yes")
    monkeypatch.setenv("SSH_PID", str(place / "pid"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place / "pid"


def runs(pid_file: Path) -> bool:
    return Path(f"/proc/{pid_file.read_text()}").exists()


def test_targets_through_ssh(address: str, pid_file: Path) -> None:
    with cli.replclient(f"me@host:{address}") as client:
        assert client.run("1 + 1") == "2\n"
        assert len(client.run("print('x' * 300_000)")) > 300_000
    with cli.perfclient(f"me@host:{address}") as perf_client:
        assert perf_client.find("pdm.perf.sysinfo/pid").readattr() == os.getpid()


def test_the_socket_is_in_a_private_folder_and_nothing_stays(address: str, pid_file: Path) -> None:
    with cli.replclient(f"me@host:{address}"):
        (folder,) = pid_file.parent.glob("ashd-pdm-*")
        assert folder.stat().st_mode & 0o077 == 0
        assert runs(pid_file)
    wait_until(lambda: not runs(pid_file))
    assert not folder.exists()


def test_a_path_with_strange_characters(address: str, place: Path, pid_file: Path) -> None:
    strange = place / "a 'b' $HOME \"c\";:100%h\\"
    strange.symlink_to(address)
    with cli.replclient(f"me@host:{strange}") as client:
        assert client.run("1") == "1\n"


def test_nobody_there(place: Path, pid_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConnectError, match="the server closed the connection"):
        cli.replclient(f"me@host:{place}/nothing")
    assert "open failed" in capfd.readouterr().err
    with pytest.raises(ConnectError, match="can't connect to you@host by ssh"):
        cli.replclient(f"you@host:{place}/nothing")
    with pytest.raises(SpecError, match="must begin with /"):
        cli.replclient("me@host:run/debug")
    assert not list(place.glob("ashd-pdm-*"))


def test_no_ssh(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASHD_PDM_SSH", str(place / "nothing"))
    with pytest.raises(ConnectError, match="no ssh command"):
        cli.replclient("me@host:/run/debug")


def test_an_ssh_that_never_listens(
    place: Path, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "ssh").write_text("#!/bin/sh\nexec sleep 1000\n")
    monkeypatch.setattr("ashd.pdm.cli._ssh.LOGIN_TIMEOUT", 0.1)
    with pytest.raises(ConnectError, match=r"me@host takes longer than 0\.1 s"):
        cli.replclient("me@host:/run/debug")
    assert not list(place.glob("ashd-pdm-*"))


def test_losing_ssh_interrupts(address: str, pid_file: Path) -> None:
    client = cli.replclient(f"me@host:{address}")

    def run() -> None:
        with pytest.raises(ConnectionLost):
            client.execute("while True: print(1)", lambda _line: running.set())

    running = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert running.wait(20)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    thread.join()
    client.close()
    wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])


def test_nothing_stays_of_a_client_that_is_killed(address: str, pid_file: Path) -> None:
    code = (
        "import sys; from ashd.pdm import cli; client = cli.replclient(sys.argv[1])\n"
        "print(1, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, f"me@host:{address}"]
    environ = {**os.environ, "TMPDIR": str(pid_file.parent)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        assert list(pid_file.parent.glob("ashd-pdm-*"))
        process.kill()
    wait_until(lambda: not runs(pid_file))
    wait_until(lambda: not list(pid_file.parent.glob("ashd-pdm-*")))
