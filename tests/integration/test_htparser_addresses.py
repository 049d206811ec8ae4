"""What ashd-htparser listens on beside TCP ports: Unix sockets, and sockets that it inherits."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, front_end
from ashdtest.http import Reader, Reply
from ashdtest.processes import DEADLINE, descriptors, program

ASK = b"GET /echo/x HTTP/1.1\r\nHost: a\r\nX-Ash-Address: 10.0.0.1\r\n\r\n"
GROUP = os.getgroups()[-1] if os.getgroups() else os.getgid()

processes = pytest.mark.parametrize("processes", [1, 2])


def connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(str(path))
    return sock


def ask(sock: socket.socket) -> Reply:
    sock.sendall(ASK)
    return Reader(sock).reply()


def headers(reply: Reply) -> dict[bytes, bytes]:
    lines = [line.partition(b": ") for line in reply.body.split(b"\n")[4:]]
    return {name: value for name, _, value in lines if name.startswith(b"X-Ash-")}


@processes
def test_a_unix_socket(tmp_path: Path, processes: int) -> None:
    """With everything that belongs to its file: permissions, what a dead server left, the end."""
    path = tmp_path / "front"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    options = [
        f"--processes={processes}",
        "--connections-per-address=1",
        f"plain:unix={path},mode=620,owner={os.getuid()},group={GROUP}",
    ]
    with front_end(HANDLER, options=options) as server:
        server.wait_for_log(f"listening on unix:{path}")
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o620
        assert (found.st_uid, found.st_gid) == (os.getuid(), GROUP)
        # a proxy sends the requests of many clients, so that they have no address that would count
        with connect(path) as one, connect(path) as other:
            for sock in (one, other, one):
                told = headers(ask(sock))
                assert told.pop(b"X-Ash-Connection-ID")
                assert told.pop(b"X-Ash-Framing")
                assert told == {b"X-Ash-Protocol": b"http"}
        outcome = start(f"plain:unix={path}")
        assert outcome == f"can't listen on unix:{path}: Address already in use"
    assert not path.exists()


def test_a_file_that_is_another_servers_by_now_stays(tmp_path: Path) -> None:
    path = tmp_path / "front"
    with (
        front_end(HANDLER, options=[f"plain:unix={path}"]) as server,
        socket.socket(socket.AF_UNIX) as heir,
    ):
        server.wait_for_log("listening on")
        path.unlink()
        heir.bind(str(path))
    assert path.is_socket()


@processes
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_an_inherited_socket(tmp_path: Path, family: socket.AddressFamily, processes: int) -> None:
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "front"))
        listener.listen()
        fd = listener.fileno()
        options = [f"--processes={processes}", f"plain:fd={fd}"]
        with (
            front_end(HANDLER, options=options, pass_fds=[fd]) as server,
            socket.socket(family) as client,
        ):
            client.settimeout(DEADLINE)
            client.connect(listener.getsockname())
            assert ask(client).status == 200
            theirs = f"socket:[{os.fstat(fd).st_ino}]"
            assert theirs in descriptors(server.pid).values()
            assert theirs not in descriptors(server.handler_pid).values()
    assert family == socket.AF_INET or (tmp_path / "front").exists()  # it is somebody else's


def start(*ports: str, fd: int | None = None) -> str:
    """Start a front end that can't; return what it says."""
    done = subprocess.run(
        [program("ashd-htparser"), *ports, "--", sys.executable, "-c", ""],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        pass_fds=[] if fd is None else [fd],
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip().removeprefix("ashd-htparser: ")


def test_what_cannot_be_listened_on(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    first = tmp_path / "first"
    for spec, told in {
        f"unix={file}": f"unix:{file}: there is something else than a socket",
        f"unix={tmp_path}/no/socket": "No such file or directory",
        f"unix={tmp_path}/{'x' * 120}": "AF_UNIX path too long",
        f"unix={tmp_path}/s,group=nosuchgroup": "there is no group 'nosuchgroup'",
        f"unix={tmp_path}/s,owner=nosuchuser": "there is no user 'nosuchuser'",
        "fd=77": "descriptor 77: Bad file descriptor",
        "fd=0": "descriptor 0: Socket operation on non-socket",
    }.items():
        assert told in start(f"plain:unix={first}", f"plain:{spec}")
        assert list(tmp_path.iterdir()) == [file], spec
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        for sock in (udp, tcp):
            fd = sock.fileno()
            assert "it is not a listening stream socket" in start(f"plain:fd={fd}", fd=fd)
