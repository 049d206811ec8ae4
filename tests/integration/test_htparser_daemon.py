"""ashd-htparser in the background (-f), its PID file (-p), and its log in syslog (-S)."""

from __future__ import annotations

import os
import select
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, front_end
from ashdtest.http import Reader
from ashdtest.processes import (
    DEADLINE,
    children,
    descriptors,
    free_port,
    program,
    state,
    wait_until,
)

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
HAS_LOADED = "import sys; from ashd.proto import recv_request; "


@dataclass(frozen=True)
class Daemon:
    pid: int
    port: int
    said: str
    pid_file: Path

    def ask(self, path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as sock:
            sock.sendall(GET % path.encode())
            return Reader(sock).reply().body

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        wait_until(lambda: state(self.pid) in ("", "Z"))
        assert self.pid_file.read_bytes() == b""


def launch(
    *options: str, port: int = 0, handler: Sequence[str] = HANDLER, **how: object
) -> subprocess.CompletedProcess[str]:
    """Run `ashd-htparser -f`; this ends when nobody holds its output any more."""
    argv = [program("ashd-htparser"), "-f", *options, f"plain:port={port}", "--", *handler]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how}
    return subprocess.run(argv, text=True, timeout=DEADLINE, check=False, **how)  # type: ignore[call-overload, no-any-return]


@contextmanager
def daemon(
    folder: Path, *options: str, handler: Sequence[str] = HANDLER, **how: object
) -> Iterator[Daemon]:
    port, pid_file = free_port(), folder / "pid"
    done = launch("-p", str(pid_file), *options, port=port, handler=handler, **how)
    assert done.returncode == 0, done.stdout
    found = Daemon(int(pid_file.read_text()), port, done.stdout, pid_file)
    try:
        yield found
        found.stop()
    finally:
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)


def processes_with(word: str) -> list[int]:
    """Return the processes, zombies aside, that have a word in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def controlling_terminal(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4]


# In the background


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_daemon(tmp_path: Path, processes: str) -> None:
    """It serves as soon as the command has returned, and has let everything of its starter go."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    with daemon(tmp_path, f"--processes={processes}", cwd=tmp_path, close_fds=False) as found:
        os.close(write)
        assert select.select([read], [], [], 0)[0], "nobody holds the pipe"
        os.close(read)
        assert "listening on" in found.said
        assert found.ask("echo/x").startswith(b"GET\n")
        assert os.getsid(found.pid) == found.pid
        assert controlling_terminal(found.pid) == "0"
        assert found.pid not in children()
        assert descriptors(found.pid)[0] == "/dev/null"
        assert Path(f"/proc/{found.pid}/cwd").readlink() == tmp_path
        assert all(os.getsid(child) == child for child in children(found.pid))


def test_a_handler_that_writes_much_and_dies(tmp_path: Path) -> None:
    """Nobody reads what it writes, and that must not stop it; another one starts where it did."""
    code = (
        "import os, sys; from ashd.proto import recv_request\n"
        "while request := recv_request():\n"
        "    os.write(1 + len(request.rest) % 2, b'x' * 100000 + b'\\n')\n"
        "    with request, open('count', 'a') as count:\n"
        "        count.write('x')\n"
        "    if request.rest == b'die': os._exit(1)\n"
    )
    handler = [sys.executable, "-c", code]
    with daemon(tmp_path, handler=handler, cwd=tmp_path) as found:
        for path in ("a", "ab", "die", "a", "ab"):
            with socket.create_connection(("127.0.0.1", found.port)) as sock:
                sock.sendall(GET % path.encode())
                assert Reader(sock).reply().status == 502
        assert (tmp_path / "count").read_text() == "xxxxx"


def test_output_that_is_a_file_stays(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output, daemon(tmp_path, stdout=output, stderr=output) as found:
        with socket.create_connection(("127.0.0.1", found.port)) as sock:
            sock.sendall(GET % b"wait")
            wait_until(lambda: "waiting" in log.read_text())
        wait_until(lambda: "left wait" in log.read_text())
        assert "listening on" in log.read_text()


@pytest.mark.parametrize("options", [[], ["-f"]])
def test_a_start_without_standard_streams(tmp_path: Path, options: list[str]) -> None:
    """The numbers 0, 1 and 2 are for nothing else then."""
    port, pid_file = free_port(), tmp_path / "pid"
    argv = [program("ashd-htparser"), *options, "-p", str(pid_file), f"plain:port={port}"]
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *argv, "--", *HANDLER]
    with subprocess.Popen(shell) as process:
        wait_until(lambda: process.poll() is not None or pid_file.exists())
        found = Daemon(int(pid_file.read_text()), port, "", pid_file)
        assert found.ask("descriptors").startswith(b"[0, 1, 2, 3, 4] True")
        for pid in (found.pid, *children(found.pid)):
            assert "socket" not in descriptors(pid)[2]
        found.stop()


def test_empty_values_are_as_if_not_given() -> None:
    options = ["-u", "", "-r", "", "--pid-file="]
    with front_end(HANDLER, options=options) as server:
        server.wait_for_log("listening on")
        assert children(server.pid) == [server.handler_pid]


# What fails


def test_a_start_that_fails(tmp_path: Path) -> None:
    """One line says why; nothing is left running, and no PID file tells of it."""
    unique = f"nothing-left-{os.getpid()}"
    idle = [sys.executable, "-c", HAS_LOADED + "recv_request()", unique]
    killer = [sys.executable, "-c", "import os; os.kill(os.getppid(), 9)", unique]
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"plain:bind=127.0.0.1,port={other.getsockname()[1]}"
        for options, handler, complaint in [
            ([], ["/no/handler"], "/no/handler can't be started: No such file or directory\n"),
            ([], [sys.executable, "-c", "exit(3)"], "ended with status 3 before it served"),
            ([taken], idle, f"port {taken[26:]}: Address already in use"),
            (["-p", f"{tmp_path}/no/pid"], idle, f"write the PID file {tmp_path}/no/pid: No such"),
            (["-p", str(tmp_path)], idle, f"write the PID file {tmp_path}: Is a directory"),
            (["-u", "no-such-user"], idle, "there is no user 'no-such-user'"),
            ([], killer, "in the background ended by signal 9"),
        ]:
            done = launch(*options, handler=handler)
            assert done.returncode == 1, complaint
            lines = [line for line in done.stdout.splitlines(True) if ": bound" not in line]
            assert len(lines) == 1, done.stdout
            assert complaint in lines[0]
            assert list(tmp_path.parent.glob("*.new")) == []
            wait_until(lambda: not processes_with(unique), what=complaint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_start_that_is_broken_off(tmp_path: Path, fifo: Path, number: int) -> None:
    """Whoever ends the command that waits ends what it has started."""
    unique = f"broken-off-{os.getpid()}"
    code = f"open({str(fifo)!r}).read(); {HAS_LOADED} recv_request()"
    argv = [program("ashd-htparser"), "-f", "-p", f"{tmp_path}/pid", "plain:port=0"]
    argv += ["--", sys.executable, "-c", code, unique]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        with fifo.open("w"):  # the handler loads
            process.send_signal(number)
            if number == signal.SIGKILL:
                assert process.wait(DEADLINE) == -number
        assert process.wait(DEADLINE) == (-number if number == signal.SIGKILL else 1)
    wait_until(lambda: not processes_with(unique))
    assert (tmp_path / "pid").read_bytes() == b""


# The PID file


def test_the_pid_file_tells_what_goes_on(tmp_path: Path, fifo: Path) -> None:
    path = tmp_path / "pid"
    with front_end(HANDLER, options=["-p", str(path)]) as server, server.connect() as sock:
        number = b"%d\n" % server.pid
        wait_until(lambda: path.exists() and path.read_bytes() == number)
        assert not (tmp_path / "pid.new").exists()
        sock.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        server.wait_for_log("waiting")
        server.terminate()
        wait_until(lambda: path.read_bytes() == number + b"\n")
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().status == 200
        assert server.wait() == 0
        assert path.read_bytes() == b""


def test_the_pid_file_after_the_second_signal(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with front_end(HANDLER, options=["-p", str(path)], status=1) as server, server.connect() as s:
        s.sendall(GET % b"stuck")
        server.wait_for_log("waiting")
        server.terminate()
        wait_until(lambda: path.read_bytes().endswith(b"\n\n"))
        server.terminate()
        assert server.wait() == 1
    assert path.read_bytes() == b""


def test_the_pid_file_of_a_successor_stays(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    options = ["-p", str(path)]
    with front_end(HANDLER, options=options) as first:
        first.wait_for_log("listening on")
        with front_end(HANDLER, options=options) as second:
            second.wait_for_log("listening on")
            first.terminate()
            assert first.wait() == 0
            assert path.read_bytes() == b"%d\n" % second.pid
    assert path.read_bytes() == b""


# Syslog

_WITH_OWN_DEV = """
mount --rbind /dev "$1/dev" && mount -t tmpfs none /dev && mkdir /dev/shm || exit
for name in null zero urandom random; do
    touch /dev/$name && mount --bind "$1/dev/$name" /dev/$name || exit
done
ln -s "$1/log" /dev/log && umount -l "$1/dev"
shift && exec "$@"
"""
"""Runs a command that has a /dev of its own, in which /dev/log is a socket of the test's."""


def with_own_dev(folder: Path, *argv: str) -> list[str]:
    return ["unshare", "--mount", "--", "sh", "-c", _WITH_OWN_DEV, "sh", str(folder), *argv]


@pytest.fixture
def syslog(tmp_path: Path) -> Iterator[socket.socket]:
    """What receives messages instead of a syslog daemon: a socket at /dev/log is all they share."""
    (tmp_path / "dev").mkdir()
    with suppress(FileNotFoundError):
        done = subprocess.run(with_own_dev(tmp_path, "true"), capture_output=True, check=False)
        if done.returncode == 0:
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
                sock.bind(str(tmp_path / "log"))
                sock.settimeout(DEADLINE)
                yield sock
            return
    pytest.skip("a private /dev needs root and unshare(1)")


def received(syslog: socket.socket, text: str) -> str:
    """Return the first message with `text` in it."""
    while text not in (message := syslog.recv(1 << 16).decode()):
        pass
    return message


@pytest.mark.parametrize("background", [False, True])
def test_syslog(tmp_path: Path, syslog: socket.socket, background: bool) -> None:
    port, pid_file = free_port(), tmp_path / "pid"
    command = [program("ashd-htparser"), "-S", "-p", str(pid_file), f"plain:port={port}"]
    if background:
        command.insert(1, "-f")
    argv = with_own_dev(tmp_path, *command, "--", *HANDLER)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        message = received(syslog, "listening on")
        assert message.startswith("<30>ashd-htparser"), "facility daemon, level info"
        pid = int(pid_file.read_text())
        found = Daemon(pid, port, "", pid_file)
        assert found.ask("descriptors").endswith(b" 1")  # ASHD_USESYSLOG of the root handler
        if background:
            assert process.wait(DEADLINE) == 0
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(GET % b"wait")
                assert received(syslog, "waiting").startswith("<30>ashd-htparser")
        os.kill(pid, signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    wait_until(lambda: pid_file.read_bytes() == b"")


def test_errors_of_the_start_are_on_stderr_too(tmp_path: Path, syslog: socket.socket) -> None:
    for option in ("-S", "-fS"):
        command = f"{program('ashd-htparser')} {option} plain:port=0 -- {sys.executable} -c exit(3)"
        done = subprocess.run(
            with_own_dev(tmp_path, *shlex.split(command)),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        complaint = "the root handler ended with status 3 before it served anything"
        assert done.returncode == 1
        assert done.stderr == f"ashd-htparser: {complaint}\n"
        assert complaint in received(syslog, complaint)
