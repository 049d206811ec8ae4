"""Our client: against our server, and against others that behave as the wire says, or don't."""

from __future__ import annotations

import os
import pickle
import pwd
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import (
    ConnectError,
    ConnectionLost,
    PdmError,
    ProtocolError,
    RefusedPickle,
    cli,
    perf,
    srv,
)
from ashdtest.debugsocket import server
from ashdtest.processes import wait_until


def test_repl(address: str) -> None:
    with cli.replclient(address) as client:
        assert client.run("1 + 1") == "2\n"
        assert client.run("def f():\n    a = 1\n\n    return a\n\n\n") == ""
        assert client.run("f()") == "1\n"
        assert client.run("print('a\\n\\nb')") == "a\n\nb\n"
        assert client.run("") == ""
        assert client.run("\n\n\n") == ""
        with pytest.raises(cli.RemoteError) as raised:
            client.run("print('before')\n1/0")
        assert raised.value.output.startswith("before\nTraceback")
        lines: list[str] = []
        assert client.execute("print(1); print(2)", lines.append)
        assert lines == ["1", "2"]


def test_a_connection_is_ended_under_a_thread_that_uses_it(address: str) -> None:
    with cli.replclient(address) as client, pytest.raises(ConnectionLost):
        client.execute("print('on')\nwhile True: print(1)", lambda _line: client.abort())


def test_perf_proxies_mirror_the_objects(address: str, module: Any) -> None:
    module.tree = perf.Directory(
        {
            "value": perf.Value(5, "A number"),
            "f": perf.Functions(add=lambda a, b=1: a + b),
            "source": perf.EventSource(),
        }
    )
    with cli.perfclient(address) as client:
        tree = client.lookup(module.__name__, "tree")
        assert tree.pdm_protocols() == ["dir"]
        assert tree.listdir() == ["value", "f", "source"]
        value = tree.lookup("value")
        assert (value.readattr(), value.attrinfo().desc) == (5, "A number")
        assert tree.lookup("f").invoke("add", 1, b=5) == 6
        received: list[Any] = []
        source = client.find(f"{module.__name__}.tree/source")
        source.subscribe(received.append)
        module.tree.lookup("source").notify("one")
        assert client.dispatch(20)
        assert received == ["one"]
        source.unsubscribe(received.append)
        with pytest.raises(ValueError, match="not subscribed"):
            source.unsubscribe(received.append)
        assert not client.dispatch(0)
        source.subscribe(received.append)
        module.tree.lookup("source").notify("two")
        assert tree.listdir()  # the event comes before the answer
        source.unsubscribe(received.append)
        assert not client.dispatch(0)
        assert received == ["one"]
        with pytest.raises(perf.nosuchname):
            tree.lookup("nix")
        with pytest.raises(perf.nosuchproto):
            tree.readattr()
        with pytest.raises(AttributeError):
            tree.lookup("f").invoke("nix")
        with pytest.raises(TypeError):
            tree.lookup("f").invoke("add", 1, 2, 3)
        tree.close()
        with pytest.raises(perf.nosuchname):
            tree.listdir()


def test_events_that_come_while_an_answer_is_awaited(address: str, module: Any) -> None:
    module.source = perf.EventSource()

    def emit() -> str:
        module.source.notify("before")
        return "answer"

    module.f = perf.Functions(emit=emit)
    with cli.perfclient(address) as client:
        received: list[Any] = []
        client.lookup(module.__name__, "source").subscribe(received.append)
        assert client.lookup(module.__name__, "f").invoke("emit") == "answer"
        assert client.dispatch(20)
        assert received == ["before"]


@pytest.mark.parametrize(
    "path", ["", "x", "pdm.perf.", ".x", "pdm.perf.sysres/", "pdm.perf.sysres//x"]
)
def test_paths_that_name_nothing(address: str, path: str) -> None:
    with cli.perfclient(address) as client, pytest.raises(perf.nosuchname):
        client.find(path)


@pytest.mark.parametrize("value", [object(), len, ValueError(), {1: object()}, perf.AttrInfo("x")])
def test_only_plain_data_is_sent(address: str, value: object) -> None:
    with cli.perfclient(address) as client:
        control = client.find("pdm.perf.sysctl")
        with pytest.raises(PdmError, match="only plain data"):
            control.invoke("nix", value)
        assert client.find("pdm.perf.sysinfo").listdir()


def test_a_value_that_is_nested_too_deeply_is_not_sent(address: str) -> None:
    value: list[object] = []
    for _ in range(200_000):
        value = [value]
    with cli.perfclient(address) as client:
        functions = client.find("pdm.perf.threads")
        with pytest.raises(PdmError, match="nested too deeply"):
            functions.invoke("stack", value)
        assert functions.invoke("stack", -1) is None


def test_several_threads_share_a_client(address: str) -> None:
    with cli.perfclient(address) as client:
        uname = client.find("pdm.perf.sysinfo/uname")
        wanted = uname.readattr()
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.extend(uname.readattr() for _ in range(50)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [wanted] * 200


def test_tcp_targets() -> None:
    with srv.listen("127.0.0.1:0") as listener:
        (target,) = listener.addresses
        assert isinstance(target, tuple)
        for text in (f"127.0.0.1:{target[1]}", f"localhost:{target[1]}", str(target[1])):
            with cli.replclient(text) as client:
                assert client.run("1") == "1\n"


def test_nobody_there(place: Path) -> None:
    with pytest.raises(ConnectError, match="No such file"):
        cli.replclient(str(place / "nothing"))
    with pytest.raises(ConnectError, match="port 1: "):
        cli.replclient("127.0.0.1:1")


def test_unknown_protocol_and_worker(address: str) -> None:
    with pytest.raises(PdmError, match="no such protocol"):
        cli.client(address, "gopher")
    with pytest.raises(PdmError, match="no worker processes"):
        cli.replclient(address, worker="1")


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    def serve(sock: socket.socket) -> None:
        for number, part in enumerate(parts):
            if number:
                sock.recv(10_000)
            sock.sendall(part)

    return serve


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((b"HTTP/1.1 400 Bad Request\n",), ProtocolError),
        ((b"+PDM2\n",), ProtocolError),
        ((b"-ERR go away\n",), PdmError),
        ((b"+PDM1\n", b"-ERR no\n"), PdmError),
        ((b"+PDM1\n", b"huh\n"), ProtocolError),
        ((b"+PD",), ConnectError),
        ((b"",), ConnectError),
        ((b"x" * 100_000,), ProtocolError),
    ],
)
def test_servers_that_are_none(
    place: Path, parts: tuple[bytes, ...], kind: type[Exception]
) -> None:
    with server(place, says(*parts)) as path, pytest.raises(kind):
        cli.perfclient(path)


def message(value: Any, protocol: int = 2) -> bytes:
    data = value if isinstance(value, bytes) else pickle.dumps(value, protocol)
    return struct.pack(">i", len(data)) + data


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (message(b"cos\nsystem\nX\x01\0\0\0x\x85R."), RefusedPickle),
        (message(b""), RefusedPickle),
        (message(None), ProtocolError),
        (message(()), ProtocolError),
        (message(("?", 1)), ProtocolError),
        (message(("*",)), ProtocolError),
        (message(("-", SystemExit(3))), RefusedPickle),
        (message(("-", KeyboardInterrupt())), RefusedPickle),
        (message(("-", "just text")), perf.error),
        (message(("-",)), perf.error),
        (message(("-", LookupError("x"))), LookupError),
        (struct.pack(">i", -1), ProtocolError),
        (struct.pack(">i", 2**31 - 1), ProtocolError),
        (b"\0\0", ProtocolError),
        (b"\0\0\0\x05ab", ProtocolError),
        (b"", ConnectionLost),
    ],
)
def test_servers_that_misbehave(place: Path, answer: bytes, kind: type[Exception]) -> None:
    def serve(sock: socket.socket) -> None:
        says(b"+PDM1\n", b"+PERF1\n", answer)(sock)

    with server(place, serve) as path, cli.PerfClient(path) as client, pytest.raises(kind):
        client.lookup("pdm.perf", "sysres")


def test_an_answer_that_nobody_asked_for(place: Path) -> None:
    parts = says(b"+PDM1\n", b"+PERF1\n" + message(("+", 1)))
    said = "nobody asked for"
    with (
        server(place, parts) as path,
        cli.PerfClient(path) as client,
        pytest.raises(ProtocolError, match=said),
    ):
        client.dispatch()


NO_SUCH_NAME = message(b"(S'-'\ncpdm.perf\nnosuchname\n(S'x'\ntRt.")


def test_a_server_that_knows_nothing_of_workers(place: Path) -> None:
    parts = says(b"+PDM1\n", b"+PERF1\n", NO_SUCH_NAME, message(("+", ["dir"])))
    with server(place, parts) as path, cli.perfclient(path) as client:
        assert client.find("pdm.perf.sysres").pdm_protocols() == ["dir"]


def test_a_server_that_ends_when_it_is_asked_for_its_workers(place: Path) -> None:
    with server(place, says(b"+PDM1\n", b"+PERF1\n")) as path, pytest.raises(ConnectionLost):
        cli.perfclient(path)


def test_a_prompt_that_breaks_the_protocol(place: Path) -> None:
    parts = says(b"+PDM1\n", b"+REPL\n", b"-ERR go away\n")
    said = "the server refused: go away"
    with (
        server(place, parts) as path,
        cli.replclient(path) as client,
        pytest.raises(PdmError, match=said),
    ):
        client.run("1")


def test_an_original_server(place: Path) -> None:
    """Answers in old protocols, with the original names: what its clients have always read."""

    def serve(sock: socket.socket) -> None:
        says(b"+PDM1\n", b"+PERF1\n")(sock)
        for answer in (
            message(("+", ["attr", "event"])),
            message(b"(S'+'\ncpdm.perf\nattrinfo\n)\x81}X\x04\0\0\0descX\x02\0\0\0hisbt."),
            message(b"(S'+'\ncposix\nuname_result\n((S'a'\nS'b'\nttRt."),
            message(("+",))
            + message(b"(S'*'\nK\x01cashd.perf\nreqstart\n)\x81}X\x03\0\0\0uriX\x01\0\0\0/sbt."),
            NO_SUCH_NAME,
        ):
            sock.recv(10_000)
            sock.sendall(answer)

    with server(place, serve) as path, cli.PerfClient(path) as client:
        proxy = client.lookup("x", "y")
        assert proxy.attrinfo().desc == "hi"
        assert proxy.readattr() == ("a", "b")
        received: list[Any] = []
        proxy.subscribe(received.append)
        assert client.dispatch(20)
        assert (type(received[0]), received[0].uri) == (perf.RequestStart, "/")
        with pytest.raises(perf.nosuchname, match="x"):
            proxy.readattr()


def test_events_of_classes_that_nobody_knows(place: Path) -> None:
    """They come as far as they can be read, and nothing is looked up for them."""

    def serve(sock: socket.socket) -> None:
        says(b"+PDM1\n", b"+PERF1\n")(sock)
        event = b"(S'*'\nK\x02%bt."
        attributes = b"}X\x03\0\0\0uriX\x01\0\0\0/sb"
        for answer in (
            message(("+", ["event"])),
            message(event % (b"cmy.app\njobdone\n)\x81" + attributes))
            + message(("+",))
            + message(event % (b"cmy.app\njobfailed\n(K\x05tR" + attributes))
            + message(event % b"ccopy_reg\n_reconstructor\n(cx\ny\nc__builtin__\nobject\nNtR")
            + message(("*", 2, "known")),
            message(b"(S'+'\ncmy.app\njobdone\n)\x81t."),
        ):
            sock.recv(10_000)
            sock.sendall(answer)

    with server(place, serve) as path, cli.PerfClient(path) as client:
        proxy = client.lookup("x", "y")
        received: list[Any] = []
        client._callbacks[2] = received.append
        client.request("subs", 2)
        while len(received) < 4:
            assert client.dispatch(20)
        done, failed, old, known = received
        assert (done.kind, done.uri, done.args) == ("my.app.jobdone", "/", ())
        assert (failed.kind, failed.uri, failed.args) == ("my.app.jobfailed", "/", (5,))
        assert (old.kind, known) == ("x.y", "known")
        with pytest.raises(RefusedPickle):  # an answer
            proxy.readattr()


def test_a_server_of_another_kind_is_recognized(place: Path) -> None:
    path = str(place / "other")
    said = "said nothing for 3 seconds: either another kind"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        with pytest.raises(ConnectError, match=said):
            cli.perfclient(path)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="giving a file away needs root")


@needs_root
def test_a_socket_of_another_user_is_not_trusted(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(address, 65534, -1)
    with pytest.raises(ConnectError, match=r"belongs to user .*ASHD_PDM_OWNER="):
        cli.perfclient(address)
    for trusted in ("65534", pwd.getpwuid(65534).pw_name):
        monkeypatch.setenv("ASHD_PDM_OWNER", trusted)
        with cli.replclient(address) as client:
            assert client.run("1") == "1\n"
    monkeypatch.setenv("ASHD_PDM_OWNER", "no-such-user")
    with pytest.raises(ConnectError, match="there is no such user"):
        cli.replclient(address)


@needs_root
def test_a_server_of_another_user_behind_a_file_of_ours_is_not_trusted(place: Path) -> None:
    path = place / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        command = [sys.executable, "-c", OTHER_USER, str(listening.fileno())]
        with subprocess.Popen(command, pass_fds=[listening.fileno()]):
            wait_until(lambda: is_listening(path))
            with pytest.raises(ConnectError, match="belongs to user"):
                cli.perfclient(str(path))


OTHER_USER = """
import os, socket, sys
os.setuid(65534)
listening = socket.socket(fileno=int(sys.argv[1]))
listening.listen()
listening.accept()[0].recv(1)
"""


def is_listening(path: Path) -> bool:
    """As the kernel says (unix(7)); a connection would be one too many here."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
    return any(line.endswith(f" {path}") and line.split()[3] == "00010000" for line in lines)


def test_a_name_that_is_not_there_is_a_lookup_error(address: str) -> None:
    with cli.perfclient(address) as client, pytest.raises(LookupError):
        client.lookup("pdm.perf", "nix")


def test_a_server_that_hangs(place: Path) -> None:
    done = threading.Event()

    def serve(sock: socket.socket) -> None:
        says(b"+PDM1\n", b"+PERF1\n")(sock)
        done.wait(20)

    with server(place, serve) as path, cli.PerfClient(path, timeout=0.1) as client:
        with pytest.raises(ConnectionLost, match=r"no answer for 0\.1 seconds"):
            client.lookup("x", "y")
        done.set()


def test_server_goes_away_while_code_runs(place: Path) -> None:
    listener = srv.listen(str(place / "s"))
    with cli.replclient(str(place / "s")) as client, pytest.raises(ConnectionLost):
        client.execute("print('running')\nwhile True: pass", lambda _line: listener.close())
    listener.close()
