"""One socket for several worker processes: each, all of them, and a prompt in a chosen one."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import ConnectionLost, PdmError, cli, perf, srv
from ashdtest.debugsocket import RawClient
from ashdtest.processes import descriptor_count, wait_until

WORKER = """
import sys, threading
from ashd.pdm import perf, srv

number = int(sys.argv[2])
count = perf.Value(number)
counts = perf.Value({"200": number, str(number): 1})
text = perf.Value("text %d" % number)
most = perf.Value(number, merge="max")
each = perf.Value(number, merge="each")
source = perf.EventSource()
def fail():
    raise ValueError("failed")
functions = perf.Functions(
    number=lambda: number,
    emit=lambda: source.notify(perf.StartEvent()),
    say=lambda: [source.notify(event) for event in ("text", perf.Event())] and None,
    fail=fail,
    subscribed=lambda: bool(source),
)
if number == 2:
    only_here = perf.Value("only in 2")
tree = perf.Directory({"count": count, f"own{number}": text})
attachment = srv.attach(int(sys.argv[1]))
print("up", flush=True)
sys.stdin.read()
"""


@dataclass
class Site:
    """A socket with its workers."""

    address: str
    workers: srv.Workers
    processes: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str) -> None:
        ours, theirs = srv.channel()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(theirs.fileno()), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        self.processes[name] = process
        self.workers.add(name, ours)

    def stop(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.communicate()


@pytest.fixture
def site(place: Path) -> Iterator[Site]:
    before = descriptor_count()
    workers = srv.Workers()
    with srv.listen(str(place / "s"), workers=workers):
        made = Site(str(place / "s"), workers, {})
        made.start("1")
        made.start("2")
        yield made
        for process in made.processes.values():
            process.communicate()
        workers.close()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("ashd-pdm")])
    wait_until(lambda: descriptor_count() == before)


def test_a_prompt_in_a_chosen_process(site: Site) -> None:
    pids = {name: process.pid for name, process in site.processes.items()}
    chosen = {None: pids["1"], "1": pids["1"], "2": pids["2"], "parent": os.getpid()}
    for worker, pid in chosen.items():
        with cli.replclient(site.address, worker=worker) as client:
            client.run("import os")
            assert client.run("os.getpid()") == f"{pid}\n"


def test_a_prompt_over_the_plain_wire(site: Site) -> None:
    with RawClient(site.address) as client:
        client.send(b"@2 repl\nimport os\n\nos.getpid()\n\n")
        assert client.line() == b"+PDM1\n"
        assert client.line() == b"+REPL\n"
        assert client.output() == ([], "+OK")
        assert client.output() == ([str(site.processes["2"].pid)], "+OK")


@pytest.mark.untraceable
def test_a_command_in_a_worker_is_interrupted_when_its_client_leaves(site: Site) -> None:
    with RawClient(site.address, "@2 repl") as client:
        client.send(
            b"import sys\ntry:\n    sys.looping = True\n    while True: pass\n"
            b"finally: del sys.looping\n\n"
        )
        with RawClient(site.address, "@2 repl") as other:
            other.run("import sys")
            wait_until(lambda: other.run("hasattr(sys, 'looping')") == (["True"], "+OK"))
            client.close()
            wait_until(lambda: other.run("hasattr(sys, 'looping')") == (["False"], "+OK"))


@pytest.mark.parametrize("worker", ["3", "", "x y", "../1", "@1"])
def test_unknown_workers(site: Site, worker: str) -> None:
    with pytest.raises(PdmError, match="the server refused"):
        cli.replclient(site.address, worker=worker)


def test_each_worker_and_all_of_them(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        assert client.find("pdm.perf.workers").listdir() == ["1", "2", "parent"]
        for name in ("1", "2"):
            found = client.find(f"pdm.perf.workers/{name}/__main__.count")
            assert (found.pdm_protocols(), found.readattr()) == (["attr"], int(name))
            pid = client.find(f"pdm.perf.workers/{name}/pdm.perf.sysinfo/pid").readattr()
            assert pid == site.processes[name].pid
            assert "pdm.perf.threads" in client.find(f"pdm.perf.workers/{name}").listdir()
        assert client.find("pdm.perf.workers/parent/pdm.perf.sysinfo/pid").readattr() == os.getpid()
        assert client.find("__main__.count").readattr() == 3
        assert client.find("__main__.counts").readattr() == {"200": 3, "1": 1, "2": 1}
        assert client.find("__main__.text").readattr() == {"1": "text 1", "2": "text 2"}
        assert client.find("__main__.most").readattr() == 2
        assert client.find("__main__.each").readattr() == {"1": 1, "2": 2}
        assert client.find("__main__.only_here").readattr() == {"2": "only in 2"}
        assert client.find("__main__.tree").listdir() == ["count", "own1", "own2"]
        assert client.find("__main__.tree/count").readattr() == 3
        assert client.find("__main__.tree/own2").readattr() == {"2": "text 2"}
        assert client.find("__main__.functions").invoke("number") == {"1": 1, "2": 2}
        assert client.find("pdm.perf.sysinfo/pid").readattr() == os.getpid()
        assert set(client.find("pdm.perf.process").readattr()) == {"1", "2"}
        assert set(client.find("pdm.perf.threads").readattr()) == {"1", "2"}
        profiles = client.find("pdm.perf.profile").invoke("run", seconds=0.05)
        assert all(profiles[name]["samples"] for name in ("1", "2"))


def test_objects_inside_of_others(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        assert client.lookup("__main__", "count").readattr() == 3
        with client.find("pdm.perf.workers") as workers, workers.lookup("2") as second:
            assert second.lookup("__main__.count").readattr() == 2
        tree = client.find("__main__.tree")
        with tree.lookup("count") as count:
            assert count.readattr() == 3
        with pytest.raises(perf.nosuchname):
            tree.lookup("nix")


def test_answers_of_each_worker(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        most = client.find("__main__.most")
        assert most.by_worker("readattr") == {"1": 1, "2": 2}
        functions = client.find("__main__.functions")
        assert functions.by_worker("invoke", "number", (), {}) == {"1": 1, "2": 2}
        assert client.find("pdm.perf.sysinfo/pid").by_worker("readattr") == {"": os.getpid()}


def test_errors_of_workers(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        with pytest.raises(ValueError, match="failed"):
            client.find("__main__.functions").invoke("fail")
        for path in (
            "__main__.nix",
            "pdm.perf.workers/9",
            "pdm.perf.workers/1/nix",
            "pdm.perf.workers/1/__main__.nix",
            "__main__.tree/nix",
        ):
            with pytest.raises(perf.nosuchname):
                client.find(path)
        with pytest.raises(perf.nosuchproto):
            client.find("__main__.count").listdir()


def test_a_perf_connection_to_one_worker(site: Site) -> None:
    with cli.perfclient(site.address, worker="2") as client:
        assert client.find("__main__.count").readattr() == 2
        assert client.find("pdm.perf.sysinfo/pid").readattr() == site.processes["2"].pid


def test_events_of_all_workers_also_of_later_ones(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        received: list[Any] = []
        source = client.find("__main__.source")
        source.subscribe(received.append)
        site.start("3")
        functions = client.find("__main__.functions")
        functions.invoke("emit")
        while len(received) < 3:
            assert client.dispatch(20)
        assert sorted(str(event.worker) for event in received) == ["1", "2", "3"]
        assert sorted(event.id for event in received) == ["1.1", "2.1", "3.1"]
        source.unsubscribe(received.append)
        wait_until(lambda: not any(functions.invoke("subscribed").values()))


def test_events_that_have_no_room_for_a_worker(site: Site, module: Any) -> None:
    module.source = perf.EventSource()
    with cli.perfclient(site.address) as client:
        received: list[Any] = []
        client.find(f"{module.__name__}.source").subscribe(received.append)
        module.source.notify("of the listening process")
        assert client.dispatch(20)
        client.find("__main__.source").subscribe(received.append)
        client.find("pdm.perf.workers/2/__main__.functions").invoke("say")
        while len(received) < 3:
            assert client.dispatch(20)
        assert received[:2] == ["of the listening process", "text"]
        assert received[2].worker == "2"


def test_a_subscription_ends_with_its_object(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        functions = client.find("__main__.functions")
        with client.find("__main__.source") as source:
            source.subscribe(print)
            assert functions.invoke("subscribed") == {"1": True, "2": True}
            with pytest.raises(ValueError, match="not subscribed"):
                source.unsubscribe(functions.invoke)
        with client.find("__main__.tree") as tree:
            assert tree.listdir()
        wait_until(lambda: not any(functions.invoke("subscribed").values()))
        site.start("3")
        assert functions.invoke("subscribed")["3"] is False


def emit_when_subscribed(address: str, worker: str) -> None:
    with cli.perfclient(address, worker=worker) as client:
        functions = client.find("__main__.functions")
        wait_until(lambda: functions.invoke("subscribed"))
        functions.invoke("emit")


def test_events_of_a_worker_that_begins_while_something_else_is_asked(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        received: list[perf.Event] = []
        client.find("__main__.source").subscribe(received.append)
        pid = client.find("pdm.perf.sysinfo/pid")
        site.start("3")
        for _ in range(50):  # the notice of the worker may come before one of the answers
            pid.readattr()
        thread = threading.Thread(target=emit_when_subscribed, args=(site.address, "3"))
        thread.start()
        assert client.dispatch(10)
        thread.join()
        assert [event.worker for event in received] == ["3"]


def test_events_of_one_worker(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        received: list[perf.Event] = []
        client.find("pdm.perf.workers/2/__main__.source").subscribe(received.append)
        client.find("__main__.functions").invoke("emit")
        assert client.dispatch(20)
        assert [event.worker for event in received] == ["2"]


def test_a_worker_that_ends_is_forgotten(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        count = client.find("__main__.count")
        site.stop("1")
        wait_until(lambda: client.find("pdm.perf.workers").listdir() == ["2", "parent"])
        assert count.readattr() == 2
        with pytest.raises(PdmError, match=r"no worker '1'|worker 1 is gone"):
            cli.replclient(site.address, worker="1")
        with cli.replclient(site.address) as repl:
            repl.run("import os")
            assert repl.run("os.getpid()") == f"{site.processes['2'].pid}\n"
        site.stop("2")
        wait_until(lambda: client.find("pdm.perf.workers").listdir() == ["parent"])
        assert client.find("pdm.perf.process").readattr()["pid"] == os.getpid()
        with cli.replclient(site.address) as repl:
            repl.run("import os")
            assert repl.run("os.getpid()") == f"{os.getpid()}\n"


CHILD = "['sleep', '1000'], close_fds=False, stdin=-3, stdout=-3, stderr=-3"


def test_a_child_of_a_worker_does_not_keep_it_in_the_list(site: Site) -> None:
    with cli.replclient(site.address, worker="1") as repl:
        repl.run("import subprocess")
        child = int(repl.run(f"subprocess.Popen({CHILD}).pid"))
    try:
        site.stop("1")
        wait_until(lambda: site.workers.names() == ["2"])
        with cli.replclient(site.address) as repl:
            repl.run("import os")
            assert repl.run("os.getpid()") == f"{site.processes['2'].pid}\n"
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_worker_that_is_replaced_under_its_name(site: Site) -> None:
    old = site.processes["2"].pid
    site.stop("2")
    site.start("2")
    with cli.perfclient(site.address, worker="2") as client:
        assert client.find("pdm.perf.sysinfo/pid").readattr() not in (old, os.getpid())


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process, and wait until all its threads stand still."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def test_a_stopped_worker_holds_up_nobody_who_does_not_ask_for_it(site: Site) -> None:
    stop(site.processes["1"])
    try:
        with cli.perfclient(site.address) as client:
            assert client.find("pdm.perf.workers/2/__main__.count").readattr() == 2
            assert client.find("pdm.perf.sysinfo/pid").readattr() == os.getpid()
        with cli.replclient(site.address, worker="2") as repl:
            assert repl.run("1") == "1\n"
        with cli.perfclient(site.address, timeout=0.1) as client, pytest.raises(ConnectionLost):
            client.find("pdm.perf.workers/1/__main__.count")
    finally:
        site.processes["1"].send_signal(signal.SIGCONT)


def test_a_worker_that_stops_is_left_out_until_it_goes_on(site: Site) -> None:
    with cli.perfclient(site.address, timeout=1) as client:
        count = client.find("__main__.count")
        assert count.readattr() == 3
        stop(site.processes["1"])
        try:
            assert count.readattr() == 2
        finally:
            site.processes["1"].send_signal(signal.SIGCONT)
        wait_until(lambda: count.readattr() == 3)


def test_a_call_may_take_longer_than_an_answer(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        assert isinstance(client, cli.WorkersClient)
        client.patience = 0.5
        for path in ("pdm.perf.profile", "pdm.perf.workers/2/pdm.perf.profile"):
            assert client.find(path).invoke("run", seconds=1)


def test_a_call_in_workers_is_abandoned_when_its_client_leaves(site: Site) -> None:
    with cli.perfclient(site.address) as client:
        threads = client.find("pdm.perf.threads")

        def profiled() -> bool:
            return any("_profile.py" in text for text in threads.invoke("text").values())

        with RawClient(site.address, "@1 perf") as leaving:
            leaving.ask("bind", "p", "pdm.perf", "profile")
            leaving.pickle(pickle.dumps(("invoke", "p", "run", (), {"seconds": 3000})))
            wait_until(profiled, what="the profile to begin")
        wait_until(lambda: not profiled(), what="the profile to end")


def test_an_attachment_ends_with_its_parent() -> None:
    ours, theirs = srv.channel()
    attachment = srv.attach(theirs)
    ours.close()
    wait_until(lambda: "ashd-pdm-worker" not in [t.name for t in threading.enumerate()])
    attachment.close()


def test_what_is_no_connection_is_ignored() -> None:
    ours, theirs = srv.channel()
    attachment = srv.attach(theirs)
    workers = srv.Workers()
    ours.send(b"repl\n")
    one, other = socket.socketpair()
    with one, other, ours:
        workers.add("1", ours.dup())
        workers.send("1", "gopher", other)
        other.close()
        assert one.recv(1) == b""
    attachment.close()
    workers.close()


def fill(workers: srv.Workers, sock: socket.socket) -> None:
    while True:
        workers.send("1", "repl", sock)


def test_a_worker_that_takes_nothing_or_is_gone(place: Path) -> None:
    workers = srv.Workers()
    ours, theirs = srv.channel()
    workers.add("1", ours)
    one, other = socket.socketpair()
    with one, other, theirs:
        with pytest.raises(PdmError, match="worker 1 takes no connections"):
            fill(workers, other)
        theirs.close()
        with pytest.raises(PdmError, match="worker 1 is gone"):
            workers.send("1", "repl", other)
    assert workers.names() == []


def test_a_worker_that_is_removed(site: Site) -> None:
    site.workers.remove("1")
    site.workers.remove("nothing")
    assert site.workers.names() == ["2"]
    with cli.replclient(site.address) as repl:
        repl.run("import os")
        assert repl.run("os.getpid()") == f"{site.processes['2'].pid}\n"


def test_a_client_that_knows_nothing_of_workers_looks_into_their_directory(site: Site) -> None:
    with RawClient(site.address, "perf") as client:
        client.ask("bind", "w", "pdm.perf", "workers")
        assert client.ask("ls", "w") == ("+", ["1", "2", "parent"])
        assert client.ask("lookup", "p", "w", "parent") == ("+", ["dir"])
        assert "pdm.perf.sysinfo" in client.ask("ls", "p")[1]
        client.pickle(pickle.dumps(("lookup", 1, "w", "1")))
        assert b"nosuchname" in client.message_bytes()


@pytest.mark.parametrize("name", ["", "parent", "a b", "a/b", "@", "ä", "a\n"])
def test_names_that_no_worker_can_have(name: str) -> None:
    ours, theirs = srv.channel()
    with ours, theirs, pytest.raises(ValueError, match="can't be the name"):
        srv.Workers().add(name, ours)


FORKING = """
import os, sys
from ashd.pdm import srv
workers = srv.Workers()
pids = []
for name in ("1", "2"):
    ours, theirs = srv.channel()
    pid = os.fork()
    if pid == 0:
        ours.close()
        srv.attach(theirs)
        sys.stdin.read()
        os._exit(0)
    theirs.close()
    workers.add(name, ours)
    pids.append(pid)
listener = srv.listen(sys.argv[1], workers=workers)
print(*pids, flush=True)
sys.stdin.read()
for pid in pids:
    os.waitpid(pid, 0)
"""


def test_forked_workers(place: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKING, str(place / "s")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        pids = process.stdout.readline().split()
        for name, pid in zip("12", pids, strict=True):
            with cli.replclient(str(place / "s"), worker=name) as client:
                client.run("import os")
                assert client.run("os.getpid()").encode().strip() == pid
        with cli.perfclient(str(place / "s")) as perf_client:
            assert set(perf_client.find("pdm.perf.process").readattr()) == {"1", "2"}
        process.communicate()
    assert process.returncode == 0
    assert not (place / "s").exists()
