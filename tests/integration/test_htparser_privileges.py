"""ashd-htparser -u and -r: who serves clients, and what from; only root can give privileges up."""

from __future__ import annotations

import grp
import os
import pwd
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ashdtest.authority import Authority, names_of
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader
from ashdtest.outside import needs
from ashdtest.processes import (
    DEADLINE,
    children,
    descriptors,
    program,
    python_environment,
    wait_until,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

USER = pwd.getpwnam("nobody")
DEAF_TO_SIGHUP = ["sh", "-c", "trap '' HUP && exec \"$@\"", "sh", *HANDLER]
GET = b"GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n"
LOOPS = {"the loop that is installed": "", "asyncio": "import sys; sys.modules['uvloop'] = None"}


def identity(pid: int) -> dict[str, list[int]]:
    """Return user, group and further groups of a process; the first two fourfold."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {name: [int(each) for each in found[name].split()] for name in ("Uid", "Gid", "Groups")}


def workers(server: FrontEnd) -> list[int]:
    return [pid for pid in children(server.pid) if pid != server.handler_pid]


@contextmanager
def confined(
    folder: Path,
    *options: str,
    handler: Sequence[str] = HANDLER,
    loop: str = "asyncio",
    processes: int = 1,
) -> Iterator[FrontEnd]:
    """Serve as nobody from within an empty directory."""
    root = folder / "root"
    root.mkdir()
    given = ["-u", "nobody", "-r", str(root), f"--processes={processes}", *options]
    environ = {**python_environment(folder, LOOPS[loop]), "TZ": "Asia/Tokyo"}
    with front_end(handler, options=given, env=environ) as server:
        server.wait_for_log("listening on")
        yield server
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("loop", LOOPS)
def test_who_serves_and_what_it_can_see(tmp_path: Path, loop: str, processes: int) -> None:
    groups = os.getgrouplist(USER.pw_name, USER.pw_gid)
    with confined(tmp_path, loop=loop, processes=processes) as server:
        pids = workers(server)
        assert len(pids) == processes
        for pid in pids:
            assert identity(pid) == {
                "Uid": [USER.pw_uid] * 4,
                "Gid": [USER.pw_gid] * 4,
                "Groups": groups,
            }
            for link in ("root", "cwd"):
                assert Path(f"/proc/{pid}/{link}").readlink() == tmp_path / "root"
            folders = {path for path in descriptors(pid).values() if Path(path).is_dir()}
            assert folders <= {str(tmp_path / "root")}, "a way out"
        assert identity(server.handler_pid)["Uid"] == [0] * 4
        assert identity(server.pid)["Uid"] == [0] * 4
        serve_everything(server)


def serve_everything(server: FrontEnd) -> None:
    """Ask for all that could need a file, of a process that finds none."""
    last = b"Connection: close\r\n\r\n"
    for request, answer in {
        b"GET /echo HTTP/1.1\r\nHost: a\r\n": b"200",
        b"HEAD /echo HTTP/1.1\r\nHost: a\r\n": b"200",
        b"GET /chunked?100000 HTTP/1.1\r\nHost: a\r\n": b"200",
        b"GET /silent HTTP/1.1\r\nHost: a\r\n": b"502",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n": b"400",
        b"GET / HTTP/3.0\r\nHost: a\r\n": b"505",
        b"GET /%b HTTP/1.1\r\nHost: a\r\n" % (b"x" * 60000): b"414",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n": b"501",
        b"GET / HTTP/1.1\r\nHost: \xe4\xf6\r\n": b"400",
    }.items():
        assert server.exchange(request + last).startswith(b"HTTP/1.1 " + answer), request
    upload = b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n" + last
    assert server.exchange(upload + bytes(200000)).endswith(b"200000")
    assert "Traceback" not in server.log
    times = [datetime.strptime(line[:19], "%Y-%m-%d %H:%M:%S") for line in log_lines(server)]
    assert max(times) - min(times) < timedelta(hours=1), "all are in the same time zone"


def log_lines(server: FrontEnd) -> list[str]:
    found = [line for line in server.log.splitlines() if " ashd-htparser[" in line]
    assert {"listening on" in line for line in found} == {True, False}
    return found


def test_all_is_started_again_as_it_was(tmp_path: Path) -> None:
    """The root handler with the privileges of the starter, those who serve without."""
    with confined(tmp_path) as server:
        (worker,) = workers(server)
        os.kill(server.handler_pid, signal.SIGKILL)
        server.wait_for_log("serves again")
        assert server.exchange(GET.replace(b"HTTP/1.1", b"HTTP/1.0")).startswith(b"HTTP/1.1 200")
        (handler,) = set(children(server.pid)) - {worker}
        assert identity(handler)["Uid"] == [0] * 4
        assert Path(f"/proc/{handler}/root").readlink() == Path("/")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(children(server.pid)) == 2 and worker not in children(server.pid))
        assert server.exchange(GET.replace(b"HTTP/1.1", b"HTTP/1.0")).startswith(b"HTTP/1.1 200")
        (worker,) = set(children(server.pid)) - {handler}
        assert identity(worker)["Uid"] == [USER.pw_uid] * 4


def test_a_log_in_json(tmp_path: Path) -> None:
    with confined(tmp_path, "--log-format=json") as server:
        server.exchange(b"GET /silent HTTP/1.0\r\n\r\n")
        server.wait_for_log('"message": "GET /silent: answered with 502')
        assert "Traceback" not in server.log


def test_another_group(tmp_path: Path) -> None:
    group = grp.getgrall()[-1]
    with front_end(HANDLER, options=["-u", f"{USER.pw_uid}:{group.gr_name}"]) as server:
        server.wait_for_log("listening on")
        (worker,) = workers(server)
        assert identity(worker)["Uid"] == [USER.pw_uid] * 4
        assert identity(worker)["Gid"] == [group.gr_gid] * 4
        assert group.gr_gid in identity(worker)["Groups"]
        assert Path(f"/proc/{worker}/root").readlink() == Path("/")


@needs("setpriv")
def test_the_handler_may_become_a_user_by_itself(tmp_path: Path) -> None:
    """As the documentation says it; the interpreter of the tests may be out of the user's reach."""
    command = ["setpriv", "--reuid=nobody", f"--regid={USER.pw_gid}", "--init-groups", "cat"]
    with front_end(command, options=["-u", "nobody"], status=None) as server:
        wait_until(lambda: identity(server.handler_pid)["Uid"] == [USER.pw_uid] * 4)


@needs("setpriv")
def test_what_cannot_be_given_up(tmp_path: Path) -> None:
    """One line says so, before anything has been started."""
    file = tmp_path / "file"
    file.touch()
    started = tmp_path / "started"
    for capability, options, complaint in [
        ("", ["-u", "no-such-user"], "there is no user 'no-such-user'"),
        ("", ["-u", "4000000"], "there is no user '4000000'"),
        ("", ["-u", "nobody:no-such-group"], "there is no group 'no-such-group'"),
        ("", ["-r", f"{tmp_path}/nowhere"], f"can't chroot to {tmp_path}/nowhere: No such file"),
        ("", ["-r", str(file)], f"can't chroot to {file}: Not a directory"),
        ("setuid", ["-u", "nobody"], "can't become user nobody: Operation not permitted"),
        ("sys_chroot", ["-r", "/"], "can't chroot to /: Operation not permitted"),
    ]:
        without = ["setpriv", f"--bounding-set=-{capability}"] if capability else []
        command = [program("ashd-htparser"), *options, "plain:port=0", "--", "touch", str(started)]
        done = subprocess.run(
            [*without, *command],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 1, complaint
        assert done.stderr.startswith(f"ashd-htparser: {complaint}")
        assert done.stderr.count("\n") == 1
        assert not started.exists()


def test_reloading(tmp_path: Path, fifo: Path) -> None:
    """Those who serve are replaced, as they can't read files again; running requests finish."""
    with confined(tmp_path, handler=DEAF_TO_SIGHUP) as server, server.connect() as sock:
        (before,) = workers(server)
        sock.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        server.wait_for_log("waiting")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers(server)) == 2)
        with server.connect() as other:
            other.sendall(GET)
            assert Reader(other).reply().status == 200
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().body == b"x0"
        server.wait_for_log(f"(process {before}) has made way")
        (after,) = workers(server)
        assert identity(after)["Uid"] == [USER.pw_uid] * 4


@pytest.mark.parametrize("loop", LOOPS)
def test_what_has_begun_when_others_take_over(tmp_path: Path, loop: str) -> None:
    """Handshakes and requests on their way are served; who asks for nothing keeps nobody."""
    authority = Authority(tmp_path)
    tls = f"ssl:port=0,bind=127.0.0.1,cert={authority.certificate('127.0.0.1')}"
    behind = "plain:port=0,bind=127.0.0.1,proxy"
    options = [tls, behind, "--head-time=600"]
    with confined(tmp_path, *options, handler=DEAF_TO_SIGHUP, loop=loop) as server:
        tls_port, proxy_port = map(int, re.findall(r"127.0.0.1:(\d+)", listening(server)))
        with ExitStack() as stack:

            def connect(port: int) -> socket.socket:
                address = ("127.0.0.1", port)
                return stack.enter_context(socket.create_connection(address, DEADLINE))

            untold, half, idle = (connect(server.port) for _ in range(3))
            half.sendall(GET[:9])
            idle.sendall(GET)
            assert Reader(idle).reply().status == 200, "so the two before it were accepted as well"
            header = connect(proxy_port)
            header.sendall(b"PROXY TCP4 192.0.2.1")
            later = connect(proxy_port)
            later.sendall(b"PROXY UNKNOWN\r\n" + GET)
            assert Reader(later).reply().status == 200
            handshake = connect(tls_port)
            authority.connect(tls_port).close()

            (before,) = workers(server)
            server.process.send_signal(signal.SIGHUP)
            assert Reader(idle).at_end(), "it was told to finish"
            assert before in workers(server)
            os.kill(server.handler_pid, signal.SIGKILL)
            server.wait_for_log("serves again")  # of which it hears as well
            half.sendall(GET[9:])
            header.sendall(b" 127.0.0.1 1 2\r\n" + GET)
            secure = stack.enter_context(
                authority.context.wrap_socket(handshake, server_hostname="127.0.0.1")
            )
            secure.sendall(GET)
            for sock in (half, header, secure):
                reply = Reader(sock).reply()
                assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert before in workers(server)
            server.terminate()
            assert Reader(untold).at_end(), "the end of all doesn't wait for it"
            assert server.wait() == 0


def listening(server: FrontEnd) -> str:
    return next(line for line in server.log.splitlines() if "listening on" in line)


def test_certificates_that_only_root_can_read(tmp_path: Path) -> None:
    """They are read before privileges are given up, new ones as well."""
    authority = Authority(tmp_path)
    cert = authority.certificate("127.0.0.1", "old.example", file="cert.pem")
    cert.chmod(0o400)
    spec = f"ssl:port=0,bind=127.0.0.1,cert={cert}"
    with confined(tmp_path, spec, handler=DEAF_TO_SIGHUP) as server:
        (port,) = re.findall(r"listening on 127.0.0.1:(\d+)", server.log)

        def names() -> list[str]:
            with authority.connect(int(port)) as sock:
                return names_of(sock)

        assert "old.example" in names()
        (before,) = workers(server)
        good = cert.read_text()
        cert.write_text(good.replace("CERTIFICATE", "NOTHING"))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("stay in use")
        assert "old.example" in names()
        authority.certificate("127.0.0.1", "new.example", file="cert.pem")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "new.example" in names())
        server.wait_for_log(f"(process {before}) has made way")
        assert server.log.count("cert.pem: ") == 2, "a fault, and no fault, are a line each"
        assert identity(workers(server)[0])["Uid"] == [USER.pw_uid] * 4


def test_an_access_log_that_only_root_can_open(tmp_path: Path) -> None:
    """It is opened before privileges are given up, and so is the next one."""
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    with confined(tmp_path, f"--access-log={log}") as server:
        server.exchange(b"GET /echo/one HTTP/1.0\r\n\r\n")
        wait_until(lambda: "/echo/one" in log.read_text())
        log.rename(old)
        server.process.send_signal(signal.SIGUSR1)
        server.wait_for_log("has made way")
        server.exchange(b"GET /echo/two HTTP/1.0\r\n\r\n")
        wait_until(lambda: "/echo/two" in log.read_text())
    assert "/echo/two" not in old.read_text()
    assert log.stat().st_uid == 0
