"""Where a server listens: rights from the first instant, live and stale sockets, who is let in."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ashd.pdm import ListenError, srv
from ashdtest.debugsocket import RawClient
from ashdtest.processes import descriptors

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user needs root")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def python(
    script: str, *args: object, user: int | None = None, groups: list[int] | None = None
) -> str:
    """Run a script in another process, as another user if asked to; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", become(user, groups) + textwrap.dedent(script), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def become(user: int | None, groups: list[int] | None) -> str:
    """The start of a script that shall run as another user; Python itself may be out of that one's
    reach.
    """
    if user is None:
        return ""
    change = f"os.setgroups({groups}); os.setgid({user}); os.setuid({user})"
    return f"import os, socket, stat, sys\n{change}\n"


TRY = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
try:
    sock.connect(sys.argv[1])
    sock.settimeout(20)
    print(sock.recv(100).decode().strip())
except OSError as exc:
    print(type(exc).__name__)
"""


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666, 0o200, 0o777])
def test_mode(place: Path, mode: int) -> None:
    before = os.umask(0o077)  # one that takes rights from the owner would keep him out as well
    try:
        with srv.listen(f"{place}/s:{mode:04o}"):
            assert mode_of(place / "s") == mode
    finally:
        os.umask(before)


def test_default_mode_whatever_the_umask(place: Path) -> None:
    before = os.umask(0)
    try:
        with srv.listen(str(place / "s")):
            assert mode_of(place / "s") == 0o600
            assert [entry.name for entry in place.iterdir()] == ["s"]
        assert list(place.iterdir()) == []
        assert os.umask(0) == 0
    finally:
        os.umask(before)


@needs_root
def test_group(place: Path) -> None:
    with srv.listen(f"{place}/s:0660:{NOBODY}"):
        assert (place / "s").stat().st_gid == NOBODY
    name = grp.getgrgid(NOBODY).gr_name
    with srv.listen(f"{place}/s:0660:{name}"):
        assert (place / "s").stat().st_gid == NOBODY


def test_unknown_group(place: Path) -> None:
    with pytest.raises(ListenError, match="no group 'nosuchgroup'"):
        srv.listen(f"{place}/s:0660:nosuchgroup")
    assert list(place.iterdir()) == []


WATCH = """
import os, socket, stat, sys
place = sys.argv[1]
print("ready", flush=True)
worst, reached, seen = 0, 0, 0
while not os.path.exists(place + "/stop"):
    for folder, folders, files in os.walk(place):
        for name in files + folders:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISSOCK(mode):
                seen += 1
                worst |= stat.S_IMODE(mode)
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.setblocking(False)
                    try:
                        sock.connect(path)
                        reached += 1
                    except OSError:
                        pass
print(seen > 0, oct(worst), reached)
"""


@needs_root
def test_another_user_who_watches_never_gets_in(place: Path) -> None:
    place.chmod(0o755)
    before = os.umask(0)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", become(NOBODY, []) + WATCH, str(place)], stdout=subprocess.PIPE
        ) as watcher:
            assert watcher.stdout is not None
            assert watcher.stdout.readline() == b"ready\n"
            for _ in range(150):
                srv.listen(str(place / "s")).close()
            (place / "stop").touch()
            assert watcher.stdout.read().split()[1:] == [b"0o600", b"0"]
    finally:
        os.umask(before)


def test_stale_socket_is_replaced(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "s"))
    with srv.listen(str(place / "s")), RawClient(str(place / "s"), "repl") as client:
        assert client.run("1") == (["1"], "+OK")


def test_live_socket_is_an_error(address: str) -> None:
    with pytest.raises(ListenError, match="another process listens there"):
        srv.listen(address)
    with RawClient(address, "repl") as client:
        assert client.run("1") == (["1"], "+OK")


def test_live_socket_with_a_full_queue_is_an_error(place: Path) -> None:
    path = str(place / "s")
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(socket.socket(socket.AF_UNIX))
        busy.bind(path)
        busy.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(path)
        with pytest.raises(ListenError, match="another process"):
            srv.listen(path)


@pytest.mark.parametrize(
    "kind", ["file", "directory", "fifo", "link", "dangling link", "datagram socket"]
)
def test_other_kinds_of_file_are_errors_and_stay(place: Path, kind: str) -> None:
    path = place / "s"
    with contextlib.ExitStack() as stack:
        if kind == "file":
            path.write_text("precious")
        elif kind == "directory":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to("/etc/passwd")
        elif kind == "dangling link":
            path.symlink_to(place / "nothing")
        else:
            other = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            other.bind(str(path))
        before = path.lstat()
        with pytest.raises(ListenError, match="can't listen"):
            srv.listen(str(path))
        assert path.lstat() == before
        assert [entry.name for entry in place.iterdir()] == ["s"]


def test_directory_that_is_missing(place: Path) -> None:
    with pytest.raises(ListenError, match="No such file or directory"):
        srv.listen(str(place / "nothing" / "s"))


def test_the_longest_paths_that_have_an_address(place: Path) -> None:
    room = 107 - len(f"{place}/")
    folder = place / ("d" * (room - 2))
    folder.mkdir()
    for path in (place / ("x" * room), folder / "s"):
        with srv.listen(str(path)), RawClient(str(path), "repl") as client:
            assert client.run("1") == (["1"], "+OK")


def test_a_system_that_does_not_say_who_a_peer_is(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with srv.listen(str(place / "s")), RawClient(str(place / "s"), "repl") as client:
        assert client.run("1") == (["1"], "+OK")


@pytest.fixture
def threads() -> Iterator[Callable[[int], object]]:
    """A function that sets the size of a new thread's stack: with `NO_ROOM` none can start."""
    yield threading.stack_size
    threading.stack_size(0)


NO_ROOM = 1 << 47


def test_no_room_for_the_thread_of_a_socket(place: Path, threads: Callable[[int], object]) -> None:
    before = descriptors()
    threads(NO_ROOM)
    with pytest.raises(ListenError, match="can't start a thread"):
        srv.listen(str(place / "s"))
    assert list(place.iterdir()) == []
    assert descriptors() == before


def test_no_room_for_the_threads_of_a_client(
    address: str, threads: Callable[[int], object], caplog: pytest.LogCaptureFixture
) -> None:
    with RawClient(address) as early:
        assert early.line() == b"+PDM1\n"
        threads(NO_ROOM)
        with RawClient(address) as late:
            assert late.rest() == b"-ERR too many connections\n"
        early.send(b"repl\n")  # which needs another thread
        assert early.rest() == b""
    assert "can't start new thread" in caplog.text
    threads(0)
    with RawClient(address, "repl") as client:
        assert client.run("1") == (["1"], "+OK")


def test_nothing_is_left_after_close(place: Path) -> None:
    before = descriptors()
    listener = srv.listen(str(place / "s"))
    clients = [RawClient(str(place / "s"), protocol) for protocol in ("repl", "perf") * 3]
    with RawClient(str(place / "s")) as waiting:
        waiting.line()
        listener.close()
        listener.close()
        for client in (*clients, waiting):
            assert client.rest() == b""
            client.close()
    assert list(place.iterdir()) == []
    assert descriptors() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ashd-pdm")]


def test_somebody_elses_file_is_not_removed(place: Path) -> None:
    path = place / "s"
    with srv.listen(str(path)):
        path.unlink()
        path.write_text("precious")
    assert path.read_text() == "precious"


def test_closing_again_leaves_the_next_socket_alone(place: Path) -> None:
    path = place / "s"
    first = srv.listen(str(path))
    first.close()
    for _ in range(5):  # file systems like to use the number of an inode again
        with srv.listen(str(path)):
            first.close()
            assert path.exists()


def test_two_that_start_at_once(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "s"))
    script = """
        import sys
        from ashd.pdm import srv, ListenError
        sys.stdin.readline()
        try:
            listener = srv.listen(sys.argv[1])
        except ListenError as exc:
            print("refused", flush=True)
        else:
            print("listens", flush=True)
        sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(place / "s")]
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    results = []
    for starter in starters:
        assert starter.stdin
        starter.stdin.write(b"go\n")
        starter.stdin.flush()
    for starter in starters:
        assert starter.stdout
        results.append(starter.stdout.readline())
    assert sorted(results) == [b"listens\n"] + [b"refused\n"] * 3
    for starter in starters:
        starter.communicate()
    assert not (place / "s").exists()


DAEMON = """
import os, sys, time
from ashd.pdm import srv
srv.listen(sys.argv[1])
print("up", flush=True)
{rest}
"""


@contextlib.contextmanager
def daemon(path: Path, rest: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", DAEMON.format(rest=rest), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        yield process


def test_the_file_goes_when_the_process_exits_and_no_thread_holds_it(place: Path) -> None:
    with daemon(place / "s", "sys.stdin.readline()") as process:
        repl = RawClient(str(place / "s"), "repl")
        busy = RawClient(str(place / "s"), "repl")
        busy.send(b"import time\ntime.sleep(3600)\n\n")
        perf = RawClient(str(place / "s"), "perf")
        process.communicate(b"\n")
        assert process.returncode == 0
        for client in (repl, busy, perf):
            assert client.rest() == b""
            client.close()
    assert not (place / "s").exists()


def test_a_lock_that_somebody_holds_is_of_no_effect(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with srv.listen(str(place / "s")), RawClient(str(place / "s"), "repl"):
            pass
    finally:
        os.close(descriptor)


def test_a_lock_that_is_never_released_is_an_error_that_says_so(place: Path) -> None:
    with (place / "s.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ListenError, match="another process has held the lock"):
            srv.listen(str(place / "s"), limits=srv.Limits(lock_timeout=0.1))
    with srv.listen(str(place / "s")):
        assert [entry.name for entry in place.iterdir()] == ["s"]


@needs_root
def test_a_lock_of_another_user_is_an_error_that_says_so(place: Path) -> None:
    (place / "s.lock").touch()
    os.chown(place / "s.lock", NOBODY, -1)
    with pytest.raises(ListenError, match="belongs to another user"):
        srv.listen(str(place / "s"))


def start_at_once(path: str, count: int) -> tuple[list[srv.Listener], list[ListenError]]:
    opened: list[srv.Listener] = []
    failed: list[ListenError] = []
    ready = threading.Barrier(count)

    def start() -> None:
        ready.wait()
        try:
            opened.append(srv.listen(path))
        except ListenError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return opened, failed


def test_many_that_start_at_once_on_a_stale_socket(place: Path) -> None:
    path = str(place / "s")
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        opened, failed = start_at_once(path, 8)
        assert (len(opened), len(failed)) == (1, 7)
        with opened[0], RawClient(path, "repl") as client:
            assert client.run("1") == (["1"], "+OK")
        assert list(place.iterdir()) == []


def test_a_killed_process_leaves_a_stale_file_that_the_next_one_replaces(place: Path) -> None:
    with daemon(place / "s", "sys.stdin.readline()") as process:
        process.send_signal(signal.SIGKILL)
    assert (place / "s").exists()
    with srv.listen(str(place / "s")):
        assert (place / "s").exists()


def test_a_child_process_leaves_the_socket_to_its_parent(place: Path) -> None:
    rest = """
pid = os.fork()
if pid == 0:
    sys.exit(0)
os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    import signal
    signal.pause()
print(pid, flush=True)
sys.stdin.readline()
os._exit(0)  # no cleaning up: what is left is what the child holds
"""
    with daemon(place / "s", rest) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        with RawClient(str(place / "s"), "repl") as client:
            assert client.run("import os") == ([], "+OK")
            assert client.run("os.getpid()") == ([str(process.pid)], "+OK")
            assert process.stdin
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert client.rest() == b""
        assert python(TRY, place / "s") == "ConnectionRefusedError"
        os.kill(child, signal.SIGKILL)


def test_root_and_the_own_user_are_served(address: str) -> None:
    assert python(TRY, address) == "+PDM1"


SERVE_AS_NOBODY = """
import os, sys
from ashd.pdm import srv
os.setgroups([]); os.setgid(65534); os.setuid(65534)
srv.listen(sys.argv[1])
print("up", flush=True)
sys.stdin.read()
"""


@needs_root
def test_root_is_served_by_others(place: Path) -> None:
    place.chmod(0o777)
    command = [sys.executable, "-c", SERVE_AS_NOBODY, str(place / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        assert python(TRY, place / "s") == "+PDM1"
        assert python(TRY, place / "s", user=NOBODY, groups=[]) == "+PDM1"
        assert python(TRY, place / "s", user=12345, groups=[]) == "PermissionError"
        process.communicate()
    assert process.returncode == 0


@needs_root
@pytest.mark.parametrize(
    ("spec", "groups", "answer"),
    [
        ("s", [], "PermissionError"),
        ("s:0600:12346", [12346], "PermissionError"),
        ("s:0660:12346", [], "PermissionError"),
        ("s:0660:12346", [12346], "+PDM1"),
        ("s:0620:12346", [1, 12346, 2], "+PDM1"),
        ("s:0666", [], "+PDM1"),
    ],
)
def test_others_as_mode_and_group_say(
    place: Path, spec: str, groups: list[int], answer: str
) -> None:
    place.chmod(0o755)
    with srv.listen(f"{place}/{spec}"):
        assert python(TRY, place / "s", user=12345, groups=groups) == answer


@needs_root
@pytest.mark.parametrize(("spec", "widened"), [("s", 0o666), ("s:0660:12346", 0o666)])
def test_a_mode_that_was_widened_later_lets_nobody_in(place: Path, spec: str, widened: int) -> None:
    place.chmod(0o755)
    with srv.listen(f"{place}/{spec}"):
        (place / "s").chmod(widened)
        answer = python(TRY, place / "s", user=12345, groups=[])
        assert answer == "-ERR you are not allowed to use this socket"
        assert python(TRY, place / "s") == "+PDM1"


@pytest.mark.parametrize(
    "spec",
    [
        "0.0.0.0:0",
        "[::]:0",
        ":0",
        "[]:0",
        "192.0.2.1:0",
        "10.0.0.1:7070",
        "[2001:db8::1]:0",
        "[::ffff:192.0.2.1]:0",
    ],
)
def test_addresses_that_others_could_reach_are_refused(spec: str) -> None:
    with pytest.raises(ListenError) as raised:
        srv.listen(spec)
    assert "no authentication" in str(raised.value)
    assert "ssh -L" in str(raised.value)


def test_the_name_of_this_host_is_refused_unless_it_is_loopback() -> None:
    with contextlib.suppress(ListenError), srv.listen(f"{socket.gethostname()}:0") as listener:
        for address in listener.addresses:
            assert isinstance(address, tuple)
            assert address[0].startswith("127.") or address[0] == "::1"


def test_unknown_name() -> None:
    with pytest.raises(ListenError, match="no address"):
        srv.listen("no-such-host.invalid:0")


@pytest.mark.parametrize("spec", ["127.0.0.1:0", "127.0.0.2:0", "localhost:0"])
def test_loopback_works_with_a_warning(spec: str, caplog: pytest.LogCaptureFixture) -> None:
    with srv.listen(spec) as listener:
        target = listener.addresses[0]
        assert isinstance(target, tuple)
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        with socket.socket(family) as client:
            client.connect(target)
            assert client.recv(10) == b"+PDM1\n"
    assert "every user of this machine" in caplog.text


def test_tcp_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:  # noqa: SIM117
        with pytest.raises(ListenError, match="Address already in use"):
            srv.listen(f"127.0.0.1:{other.getsockname()[1]}")


def test_relative_path_and_changed_directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    with srv.listen("./s"):
        monkeypatch.chdir("/")
        assert (place / "s").exists()
    assert not (place / "s").exists()


def test_out_of_descriptors_is_survived(place: Path) -> None:
    rest = """
import logging, resource
logging.basicConfig(stream=sys.stdout)
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
held = []
try:
    while True: held.append(open("/dev/null"))
except OSError:
    pass
print("full", flush=True)
sys.stdin.readline()
del held
sys.stdin.readline()
"""
    with daemon(place / "s", rest) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"full\n"
        with RawClient(str(place / "s")) as first, RawClient(str(place / "s")) as second:
            # There may be a descriptor for one of them
            assert b"can't accept a debug connection" in process.stdout.readline()
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert first.line() == second.line() == b"+PDM1\n"
