"""`HOST:PATH`, through a real sshd on loopback with keys and settings of its own."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ashdtest.debugdaemon import Daemon, run_command
from ashdtest.outside import find, needs
from ashdtest.processes import children, free_port, wait_until

pytestmark = needs("ssh", "ssh-keygen", "sshd")


def make_key(path: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@contextmanager
def running_sshd(folder: Path) -> Iterator[dict[str, str]]:
    """Start sshd; yields the environment in which our command reaches it."""
    folder.chmod(0o700)
    host_key, user_key = make_key(folder / "host"), make_key(folder / "user")
    (folder / "authorized").write_text((folder / "user.pub").read_text(encoding="ascii"))
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "yes",
    }
    config = folder / "config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
    options = [
        f"-p {port} -i {user_key} -F none -o BatchMode=yes -o StrictHostKeyChecking=no",
        f"-o UserKnownHostsFile={folder / 'known'} -o LogLevel=ERROR -l {getpass.getuser()}",
    ]
    with (folder / "log").open("wb") as log:
        command = [str(find("sshd")), "-D", "-e", "-f", str(config)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log) as process:
            try:
                wait_until(lambda: accepts(port) or process.poll() is not None)
                assert process.poll() is None, (folder / "log").read_text()
                yield {"ASHD_PDM_SSH": f"ssh {' '.join(options)}"}
            finally:
                process.kill()


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


def test_a_prompt(daemon: Daemon, environment: dict[str, str]) -> None:
    target = f"127.0.0.1:{daemon.address}"
    found = run_command("repl", "-c", "import os; os.getpid()", target, environment=environment)
    assert (found.stdout, found.stderr) == (f"{daemon.process.pid}\n", "")


def test_objects(daemon: Daemon, environment: dict[str, str]) -> None:
    target = f"127.0.0.1:{daemon.address}"
    found = run_command("get", target, "__main__.counters/jobs", environment=environment)
    assert (found.stdout, found.stderr) == ("3\n", "")


def test_a_large_answer(daemon: Daemon, environment: dict[str, str]) -> None:
    target = f"127.0.0.1:{daemon.address}"
    code = "print('x' * 60_000 + '\\n' * 2) or print('y' * 3_000_000)"
    found = run_command("repl", "-c", code, target, environment=environment)
    assert found.stdout.count("y") == 3_000_000


def test_a_socket_that_is_not_there(environment: dict[str, str], tmp_path: Path) -> None:
    found = run_command("ls", f"127.0.0.1:{tmp_path}/none", environment=environment)
    assert found.returncode == 1
    assert "can't connect to" in found.stderr
    assert "there is no debug socket" in found.stderr
    assert "what ssh said" in found.stderr


def test_a_host_that_is_not_there(environment: dict[str, str], daemon: Daemon) -> None:
    command = environment["ASHD_PDM_SSH"].replace("ssh", f"ssh -p {free_port()}", 1)
    other = {"ASHD_PDM_SSH": command}
    found = run_command("ls", f"127.0.0.1:{daemon.address}", environment=other)
    assert found.returncode == 1
    assert "what ssh said" in found.stderr


def test_nothing_stays_behind(daemon: Daemon, environment: dict[str, str]) -> None:
    target = f"127.0.0.1:{daemon.address}"
    run_command("repl", "-c", "1", target, environment=environment)
    count = "len([t for t in __import__('threading').enumerate() if 'client' in t.name])"
    assert run_command("repl", "-c", count, daemon.address).stdout == "1\n"
    assert not any(Path(f"/proc/{pid}/comm").read_text() == "ssh\n" for pid in children())
