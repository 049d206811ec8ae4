"""ashd-htparser as a service of systemd: readiness, reload, watchdog, and sockets for it."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, front_end
from ashdtest.http import Reader, Reply
from ashdtest.outside import find, needs
from ashdtest.processes import DEADLINE, children, free_port, program, wait_until
from ashdtest.sites import APPS, SUPPORT

UNITS = Path(__file__).parents[2] / "examples" / "systemd"
GET = b"GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n"
THEIRS = ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")

each_count = pytest.mark.parametrize("processes", ["1", "2"])


class Manager:
    """Receives what a service says, as a service manager would; the protocol is all they share."""

    def __init__(self, address: str) -> None:
        self.environ = {**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@")}
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.settimeout(DEADLINE)

    def hear(self) -> dict[str, str]:
        lines = self.sock.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def hear_of(self, key: str) -> dict[str, str]:
        """Return the next message that says something of `key`."""
        while key not in (message := self.hear()):
            pass
        return message

    def has_heard_all(self) -> bool:
        """Tell whether nothing that was said is still to be heard."""
        return not select.select([self.sock], [], [], 0)[0]

    def is_silent(self) -> bool:
        """Tell whether nothing comes for a while, far longer than between two signs of life."""
        self.sock.settimeout(1.0)
        try:
            self.hear()
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(DEADLINE)
        return False


@contextmanager
def manager(address: str) -> Iterator[Manager]:
    found = Manager(address)
    with found.sock:
        yield found


def leaked(pid: int) -> list[str]:
    """Return what the environment of a process has of the service manager's variables."""
    text = Path(f"/proc/{pid}/environ").read_text()
    return [line for line in text.split("\0") if line.startswith(THEIRS)]


@each_count
@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_life_of_a_service(tmp_path: Path, fifo: Path, kind: str, processes: str) -> None:
    handler = ["sh", "-c", f"read _ < {fifo}; trap '' HUP; exec \"$@\"", "sh", *HANDLER]
    address = str(tmp_path / "notify") if kind == "path" else f"\0ashd-test-{os.getpid()}"
    options = [f"--processes={processes}"]
    with (
        manager(address) as systemd,
        front_end(handler, options=options, env=systemd.environ) as server,
    ):
        assert systemd.hear() == {"STATUS": "waiting for the root handler to load"}
        fifo.write_text("\n")
        ready = systemd.hear()
        assert f":{server.port}" in ready["STATUS"]
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(server.pid))
        assert server.exchange(GET.replace(b"1.1", b"1.0")).startswith(b"HTTP/1.1 200")
        for pid in children(server.pid):
            assert leaked(pid) == []
        server.process.send_signal(signal.SIGHUP)
        reloading = systemd.hear()
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert systemd.hear() == ready
        with server.connect() as sock:
            sock.sendall(b"GET /gate?%b HTTP/1.0\r\n\r\n" % bytes(fifo))
            server.wait_for_log("waiting\n")
            server.terminate()
            assert systemd.hear()["STOPPING"] == "1"
            server.process.send_signal(signal.SIGHUP)
            fifo.write_text("\n")
            assert Reader(sock).reply().status == 200
        assert server.wait() == 0
        assert systemd.has_heard_all()  # nothing of the last reload


def test_a_service_that_fails_is_never_ready(tmp_path: Path) -> None:
    with manager(str(tmp_path / "notify")) as systemd:
        argv = [program("ashd-htparser"), "plain:port=0", "--", "false"]
        done = subprocess.run(argv, env=systemd.environ, capture_output=True, check=False)
        assert done.returncode == 1
        systemd.sock.setblocking(False)
        assert "READY" not in systemd.hear()
        with suppress(BlockingIOError):
            while True:
                assert "READY" not in systemd.hear()


def test_in_the_background_it_is_another_process(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    argv = [program("ashd-htparser"), "-f", "-p", str(pid_file), "plain:port=0", "--", *HANDLER]
    with manager(str(tmp_path / "notify")) as systemd:
        subprocess.run(argv, env=systemd.environ, timeout=DEADLINE, capture_output=True, check=True)
        pid = systemd.hear_of("READY")["MAINPID"]
        assert pid_file.read_text() == f"{pid}\n"
        os.kill(int(pid), signal.SIGTERM)
        assert systemd.hear()["STOPPING"] == "1"
        wait_until(lambda: pid_file.read_text() == "")


@each_count
def test_the_watchdog_hears_of_a_front_end_that_works(tmp_path: Path, processes: str) -> None:
    """And of none whose process, or that of one of several, is stuck."""
    with manager(str(tmp_path / "notify")) as systemd:
        environ = {**systemd.environ, "WATCHDOG_USEC": "200000"}
        options = [f"--processes={processes}"]
        with front_end(HANDLER, options=options, env=environ) as server:
            server.wait_for_log("listening on")
            systemd.hear_of("READY")
            victim = server.pid if processes == "1" else max(children(server.pid))
            assert systemd.hear_of("WATCHDOG")
            os.kill(victim, signal.SIGSTOP)
            wait_until(systemd.is_silent, what="an end to the signs of life")
            os.kill(victim, signal.SIGCONT)
            assert systemd.hear_of("WATCHDOG")


# Sockets that systemd has bound


def ask(sock: socket.socket) -> Reply:
    sock.settimeout(DEADLINE)
    sock.sendall(GET)
    return Reader(sock).reply()


@contextmanager
def activated(
    sockets: Sequence[str], command: Sequence[str | Path], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Let systemd's program bind sockets, and start a command when a client comes."""
    activate = find("systemd-socket-activate")
    argv = [activate, *(f"--listen={each}" for each in sockets), *map(str, command)]
    with subprocess.Popen([*map(str, argv)], stderr=subprocess.DEVNULL, env=env) as process:
        try:
            yield process
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def connect_when_bound(port: int) -> socket.socket:
    def connect() -> socket.socket | None:
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port))
        return None

    found = wait_until(connect)
    assert found is not None
    return found


@needs("systemd-socket-activate")
@each_count
def test_sockets_by_name(tmp_path: Path, processes: str) -> None:
    port, path = free_port(), tmp_path / "socket"
    specs = ["plain:systemd=site", "plain:systemd=local"]
    command = ["--fdname=site:local", program("ashd-htparser"), f"--processes={processes}", *specs]
    with activated([str(port), str(path)], [*command, "--", *HANDLER]) as process:
        with connect_when_bound(port) as sock:
            body = ask(sock).body
            # systemd's socket is for IPv6 and IPv4; an IPv4 client has its own address all the same
            assert b"\nX-Ash-Address: 127.0.0.1\n" in body
            assert b"\nX-Ash-Server-Port: %d\n" % port in body
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            assert ask(sock).status == 200
        for pid in children(process.pid):
            assert leaked(pid) == []


@needs("systemd-socket-activate")
@pytest.mark.parametrize("bind", ["fd://3", "plain:systemd"])
def test_all_sockets_with_one_command(bind: str) -> None:
    port = free_port()
    command: list[str | Path] = [
        program("ashd-wsgi"),
        "-p",
        SUPPORT,
        "-p",
        APPS,
        "--bind",
        bind,
        "zoo:application",
    ]
    with activated([str(port)], command), connect_when_bound(port) as sock:
        sock.settimeout(DEADLINE)
        sock.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        assert Reader(sock).reply().status == 200


@pytest.mark.parametrize(
    ("specs", "complaint"),
    [
        (["plain:systemd"], "systemd has passed no socket to this process"),
        (["plain:systemd=a"], "systemd has passed no socket with the name a to this process"),
        (["plain:systemd", "plain:systemd"], "two ports want the same inherited socket"),
        (["plain:fd=3", "plain:fd=3"], "two ports want the same inherited socket"),
        (["plain:systemd", "plain:systemd=a"], "give systemd a name for each port"),
        (["plain:systemd=a", "plain:fd=3"], "give systemd a name for each port"),
    ],
)
def test_sockets_that_are_not_there(specs: list[str], complaint: str) -> None:
    argv = [program("ashd-htparser"), *specs, "--", *HANDLER]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


# The example


@needs("systemd-analyze")
def test_the_units_of_the_example(tmp_path: Path) -> None:
    """systemd finds nothing wrong with them, once the programs are where they say."""
    for unit in UNITS.glob("notes.*"):
        text = re.sub(r"/srv/notes/venv/bin/(\S+)", lambda m: program(m[1]), unit.read_text())
        (tmp_path / unit.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    assert len(units) == 2
    argv = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE, check=False)
    complaints = [line for line in done.stderr.splitlines() if "notes." in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
