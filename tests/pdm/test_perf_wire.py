"""The protocol `perf`, message by message, as clients that are not ours speak it."""

from __future__ import annotations

import os
import pickle
import pickletools
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import perf
from ashdtest.debugsocket import RawClient

ORIGINAL_CLASSES = """
class attrinfo: pass
class event: pass
class procevent(event): pass
class startevent(procevent): pass
class finishevent(procevent): pass
class error(Exception): pass
class nosuchname(error): pass
class nosuchproto(error): pass
"""

ORIGINAL_CLIENT = """
import pickle, socket, struct, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
stream = sock.makefile("rwb")
assert stream.readline() == b"+PDM1\\n"
stream.write(b"perf\\n"); stream.flush()
assert stream.readline() == b"+PERF1\\n"
def send(*request):
    data = pickle.dumps(request)
    stream.write(struct.pack(">l", len(data)) + data); stream.flush()
def receive():
    (size,) = struct.unpack(">l", stream.read(4))
    return pickle.loads(stream.read(size))
def ask(*request):
    send(*request)
    return receive()
import pdm.perf
import ashd.perf
"""


def names_in(message: bytes) -> set[str]:
    return {
        str(argument).replace(" ", ".")
        for opcode, argument, _ in pickletools.genops(message)
        if opcode.name == "GLOBAL"
    }


@pytest.fixture
def client(address: str) -> Any:
    with RawClient(address, "perf") as made:
        yield made


def test_bind_and_read_a_built_in_object(client: RawClient) -> None:
    assert client.ask("bind", 1, "pdm.perf", "sysinfo") == ("+", ["dir"])
    sign, names = client.ask("ls", 1)
    assert sign == "+"
    assert set(names) == {"pid", "uname", "hostname", "platform"}
    assert client.ask("lookup", 2, 1, "pid") == ("+", ["attr"])
    assert client.ask("readattr", 2) == ("+", os.getpid())
    assert client.ask("unbind", 2) == ("+",)
    assert client.ask("unbind", 1) == ("+",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_requests_in_any_pickle_protocol(client: RawClient, protocol: int) -> None:
    assert client.ask("bind", "id", "pdm.perf", "sysres", protocol=protocol) == ("+", ["dir"])
    assert client.ask("lookup", ("a", 1), "id", "rusage", protocol=protocol) == ("+", ["attr"])
    sign, usage = client.ask("readattr", ("a", 1), protocol=protocol)
    assert (sign, len(usage)) == ("+", 16)


@pytest.mark.parametrize("name", ["realtime", "cputime", "utime", "stime", "maxrss"])
def test_sysres(client: RawClient, name: str) -> None:
    client.ask("bind", 1, "pdm.perf", "sysres")
    client.ask("lookup", 2, 1, name)
    sign, value = client.ask("readattr", 2)
    assert sign == "+"
    assert value >= 0


def test_answers_are_of_protocol_4_at_most(client: RawClient) -> None:
    client.pickle(pickle.dumps(("bind", 1, "pdm.perf", "sysinfo")))
    message = client.message_bytes()
    assert message[0] == 0x80
    assert message[1] <= 4


def test_invoke_with_args_and_kwargs(client: RawClient, module: Any) -> None:
    module.f = perf.Functions(join=lambda *args, **kwargs: [args, kwargs])
    client.ask("bind", 1, module.__name__, "f")
    for args in ((1, "b"), [1, "b"]):
        answer = client.ask("invoke", 1, "join", args, {"c": {2}})
        assert answer == ("+", [(1, "b"), {"c": {2}}])
    sign, raised = client.ask("invoke", 1, "nothing", (), {})
    assert (sign, type(raised)) == ("-", AttributeError)


def test_lengths_are_big_endian_and_may_come_in_pieces(client: RawClient) -> None:
    body = pickle.dumps(("bind", 1, "pdm.perf", "sysinfo"))
    data = struct.pack(">i", len(body)) + body
    for at in range(len(data)):
        client.send(data[at : at + 1])
    assert client.message() == ("+", ["dir"])


def test_requests_that_arrive_at_once_are_answered_in_order(client: RawClient) -> None:
    client.ask("bind", 0, "pdm.perf", "sysinfo")
    client.ask("lookup", 1, 0, "pid")
    for _ in range(200):
        client.pickle(pickle.dumps(("readattr", 1)))
    assert [client.message() for _ in range(200)] == [("+", os.getpid())] * 200


def test_names_of_classes_on_the_wire(client: RawClient, module: Any) -> None:
    module.source = perf.EventSource()
    client.ask("bind", 1, "pdm.perf", "sysinfo")
    client.ask("lookup", 2, 1, "pid")
    client.pickle(pickle.dumps(("attrinfo", 2)))
    assert names_in(client.message_bytes()) == {"pdm.perf.attrinfo"}
    client.ask("bind", 3, module.__name__, "source")
    client.ask("subs", 3)
    start = perf.StartEvent()
    events: list[tuple[perf.Event, str]] = [
        (perf.Event(), "pdm.perf.event"),
        (perf.ProcEvent("x"), "pdm.perf.procevent"),
        (start, "pdm.perf.startevent"),
        (perf.FinishEvent(start), "pdm.perf.finishevent"),
        (perf.RequestStart(method="GET"), "ashd.perf.reqstart"),
        (perf.RequestFinish(start), "ashd.perf.reqfinish"),
        (perf.LostEvents(5), "pdm.perf.event"),
    ]
    for event, name in events:
        module.source.notify(event)
        assert names_in(client.message_bytes()) == {name}


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (("bind", 1, "pdm.perf", "nix"), "pdm.perf.nosuchname"),
        (("bind", 1, "nix", "nix"), "pdm.perf.nosuchname"),
        (("bind", 1, "pdm.perf", "Directory"), "pdm.perf.nosuchproto"),
        (("bind", 1, "os", "system"), "pdm.perf.nosuchproto"),
        (("bind", 1, "sys", "modules"), "pdm.perf.nosuchproto"),
        (("readattr", 5), "pdm.perf.nosuchname"),
        (("readattr", 0), "pdm.perf.nosuchproto"),
        (("invoke", 0, "x", (), {}), "pdm.perf.nosuchproto"),
        (("subs", 0), "pdm.perf.nosuchproto"),
        (("lookup", 1, 0, "nix"), "pdm.perf.nosuchname"),
        (("unbind", 7), "pdm.perf.nosuchname"),
        (("nix",), "pdm.perf.error"),
        ((), "pdm.perf.error"),
        ("text", "pdm.perf.error"),
        ((None,), "pdm.perf.error"),
        (("bind",), "pdm.perf.error"),
        (("bind", [1], "pdm.perf", "sysinfo"), "pdm.perf.error"),
        (("bind", 1, 2, 3), "pdm.perf.error"),
        (("bind", 1, "pdm.perf", "sysinfo", 5), "pdm.perf.error"),
        (("invoke", 0, "x", 5, {}), "pdm.perf.error"),
        (("invoke", 0, "x", (), {1: 2}), "pdm.perf.error"),
    ],
)
def test_errors(client: RawClient, request_: Any, name: str) -> None:
    client.ask("bind", 0, "pdm.perf", "sysinfo")
    client.pickle(pickle.dumps(request_))
    message = client.message_bytes()
    assert names_in(message) == {name}
    assert message.index(b"-") < message.index(name.rpartition(".")[2].encode())
    assert client.ask("ls", 0)[0] == "+"


def test_no_module_is_imported_for_the_asking(client: RawClient) -> None:
    client.pickle(pickle.dumps(("bind", 1, "this", "s")))
    client.message_bytes()
    assert "this" not in sys.modules


def test_events_until_unsubscribed(client: RawClient, module: Any) -> None:
    module.source = perf.EventSource()
    assert client.ask("bind", "e", module.__name__, "source") == ("+", ["event"])
    assert client.ask("subs", "e") == ("+",)
    assert client.ask("subs", "e")[0] == "-"
    module.source.notify({"plain": 1})
    assert client.message() == ("*", "e", {"plain": 1})
    assert client.ask("unsubs", "e") == ("+",)
    assert not module.source
    assert type(client.ask("unsubs", "e")[1]) is ValueError


def test_unbinding_rebinding_and_leaving_unsubscribe(address: str, module: Any) -> None:
    module.source = perf.EventSource()
    with RawClient(address, "perf") as client:
        for _ in range(2):
            client.ask("bind", 1, module.__name__, "source")
            client.ask("subs", 1)
            client.ask("bind", 1, "pdm.perf", "sysinfo")
            assert not module.source
        client.ask("bind", 2, module.__name__, "source")
        client.ask("subs", 2)
        client.ask("unbind", 2)
        assert not module.source


def test_an_ordinary_client_reads_everything(address: str, place: Path) -> None:
    """A client as the wire describes it, with plain pickle, and classes of the original names."""
    for package in ("pdm", "ashd"):
        (place / package).mkdir()
        (place / package / "__init__.py").touch()
    (place / "pdm" / "perf.py").write_text(ORIGINAL_CLASSES)
    (place / "ashd" / "perf.py").write_text(
        "import pdm.perf\nclass reqstart(pdm.perf.startevent): pass\n"
        "class reqfinish(pdm.perf.finishevent): pass\n"
    )
    script = (
        ORIGINAL_CLIENT
        + """
assert ask("bind", 1, "pdm.perf", "sysres") == ("+", ["dir"])
assert ask("lookup", 2, 1, "cputime") == ("+", ["attr"])
info = ask("attrinfo", 2)[1]
assert type(info) is pdm.perf.attrinfo and isinstance(info.desc, str)
assert type(ask("lookup", 3, 1, "nix")[1]) is pdm.perf.nosuchname
assert type(ask("invoke", 1, "nix", (), {})[1]) is pdm.perf.nosuchproto
assert type(ask("nix")[1]) is pdm.perf.error
for name in ("process", "threads"):
    ask("bind", name, "pdm.perf", name)
    assert ask("readattr", name)[0] == "+"
print("fine")
"""
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script, address],
        cwd=place,
        env={"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")
