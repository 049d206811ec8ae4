"""The built-in objects, looked at through a socket."""

from __future__ import annotations

import gc
import importlib
import os
import re
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import ConnectionLost, cli, perf, srv, util
from ashdtest.processes import wait_until


@pytest.fixture
def client(address: str) -> Iterator[cli.PerfClient]:
    with cli.perfclient(address) as made:
        yield made


def test_every_attribute_can_be_read_and_says_what_it_is(client: cli.PerfClient) -> None:
    for directory in ("sysres", "sysinfo"):
        found = client.find(f"pdm.perf.{directory}")
        for name in found.listdir():
            attribute = found.lookup(name)
            assert attribute.readattr() is not None
            assert attribute.attrinfo().desc
    assert client.find("pdm.perf.sysinfo/pid").readattr() == os.getpid()
    assert client.find("pdm.perf.sysinfo/uname").readattr() == tuple(os.uname())
    usage = client.find("pdm.perf.sysres/rusage").readattr()
    assert len(usage) == len(resource.getrusage(resource.RUSAGE_SELF))


def test_process(client: cli.PerfClient) -> None:
    found = client.find("pdm.perf.process").readattr()
    assert found["pid"] == os.getpid()
    assert found["threads"] >= 3
    assert found["fds"] >= 3
    assert 0 < found["rss"] <= found["maxrss"] * 2
    assert found["cputime"] > 0


def test_a_process_without_free_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        found = perf.process.readattr()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (found["pid"], found["rss"], found["fds"]) == (os.getpid(), None, None)


def test_all_objects(client: cli.PerfClient) -> None:
    objects = client.find("pdm.perf.objects")
    assert "pdm.perf.process" in objects.listdir()
    assert objects.lookup("pdm.perf.process").readattr()["pid"] == os.getpid()
    for name in ("os.path", "os.nothing", "nothing"):
        with pytest.raises(perf.nosuchname):
            objects.lookup(name)


def test_events_show_what_they_hold() -> None:
    event = perf.RequestStart(method="GET")
    assert repr(event) == f"RequestStart(id={event.id}, method='GET', time={event.time!r})"


@pytest.fixture
def worker() -> Iterator[threading.Thread]:
    done = threading.Event()

    def deep_inside() -> None:
        done.wait()

    thread = threading.Thread(target=deep_inside, name="the worker")
    thread.start()
    wait_until(lambda: "deep_inside" in util.format_threads())
    yield thread
    done.set()
    thread.join()


def test_threads(client: cli.PerfClient, worker: threading.Thread) -> None:
    threads = client.find("pdm.perf.threads")
    found = {thread["name"]: thread for thread in threads.readattr()}
    mine = found["the worker"]
    assert mine["ident"] == worker.ident
    assert mine["daemon"] is False
    assert mine["request"] is None
    assert any(
        file == __file__ and function.endswith("deep_inside") and source == "done.wait()"
        for file, _line, function, source in mine["stack"]
    )
    assert threads.invoke("stack", worker.ident)["name"] == "the worker"
    assert threads.invoke("stack", -1) is None
    assert "Thread the worker" in threads.invoke("text")
    with pytest.raises(AttributeError):
        threads.invoke("nix")


def test_what_a_thread_works_on(client: cli.PerfClient, worker: threading.Thread) -> None:
    def broken(_ident: int) -> None:
        raise RuntimeError

    def finder(ident: int) -> dict[str, object] | None:
        return {"url": "/slow", "age": 5} if ident == worker.ident else None

    for function in (broken, finder):
        util.add_finder(function)
    try:
        found = client.find("pdm.perf.threads").invoke("stack", worker.ident)
        assert found["request"] == {"url": "/slow", "age": 5}
        assert "url=/slow" in util.format_threads()
    finally:
        for function in (broken, finder):
            util.remove_finder(function)
    assert client.find("pdm.perf.threads").invoke("stack", worker.ident)["request"] is None
    with pytest.raises(ValueError, match="not added"):
        util.remove_finder(finder)


def test_the_servers_own_frames_are_folded(client: cli.PerfClient) -> None:
    text = client.find("pdm.perf.threads").invoke("text")
    own = next(part for part in text.split("\n\n") if "ashd-pdm-client" in part)
    lines = own.splitlines()
    assert re.fullmatch(r"  \(\d+ frames of the server\)", lines[1])
    assert lines[2].startswith("  File")
    assert "/srv/" not in own


def test_threads_of_a_pool_are_idle_or_have_a_request() -> None:
    (thread,) = (
        thread for thread in util.describe_threads() if thread["ident"] == threading.get_ident()
    )
    thread["name"], thread["stack"], thread["plumbing"] = "pool", [("f", 1, "g", "")] * 3, 3
    assert util.is_idle(thread)
    assert util.fold(thread) == (2, thread["stack"][2:])
    thread["request"] = {"url": "/"}
    assert not util.is_idle(thread)
    thread["request"], thread["plumbing"] = None, 1
    assert not util.is_idle(thread)
    assert util.fold(thread) == (0, thread["stack"])


def test_a_deep_recursion_is_cut() -> None:
    def recurse(depth: int) -> int:
        return recurse(depth - 1) if depth else len(util.describe_threads()[0]["stack"])

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert recurse(2000) <= 500
    finally:
        sys.setrecursionlimit(limit)


def test_profile(client: cli.PerfClient, worker: threading.Thread) -> None:
    found = client.find("pdm.perf.profile").invoke("run", seconds=0.2, rate=100)
    assert found["samples"] > 1
    assert not found["left"]
    mine = {
        stack: count for stack, count in found["stacks"].items() if stack.startswith("the worker;")
    }
    assert sum(mine.values()) == found["samples"]
    assert all("deep_inside (" in stack for stack in mine)
    assert all(f"{__file__}:" in stack for stack in mine)
    assert not any("ashd-pdm-accept" in stack for stack in found["stacks"])


def test_profile_of_cpu_time(client: cli.PerfClient, worker: threading.Thread) -> None:
    over = threading.Event()

    def burn() -> None:
        while not over.is_set():
            pass

    burning = threading.Thread(target=burn, name="burning")
    burning.start()
    try:
        wait_until(lambda: "burning" in profiled(client))
        found = client.find("pdm.perf.profile").invoke("run", 0.3, 100, True)
    finally:
        over.set()
        burning.join()
    assert (found["mode"], found["rate"]) == ("cpu", 100)
    assert not [stack for stack in found["stacks"] if stack.startswith("the worker;")]


def test_profile_of_cpu_time_of_threads_that_come_and_go(client: cli.PerfClient) -> None:
    over = threading.Event()

    def burn() -> None:
        begun = time.thread_time()
        while time.thread_time() - begun < 0.2:
            pass

    def start_threads() -> None:
        while not over.is_set():
            thread = threading.Thread(target=burn, name="burning")
            thread.start()  # often with the ident of one that has ended
            thread.join()

    starter = threading.Thread(target=start_threads)
    starter.start()
    try:
        wait_until(lambda: "burning" in profiled(client, 1))
    finally:
        over.set()
        starter.join()


def profiled(client: cli.PerfClient, seconds: float = 0.1) -> set[str]:
    found = client.find("pdm.perf.profile").invoke("run", seconds=seconds, rate=100, cpu=True)
    return {stack.split(";")[0] for stack in found["stacks"]}


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"seconds": -1}, {"seconds": 1e9}, {"rate": 0}, {"rate": 1e6}]
)
def test_profile_refuses_nonsense(client: cli.PerfClient, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be more than 0"):
        client.find("pdm.perf.profile").invoke("run", **wrong)


def test_profile_ends_when_its_client_leaves(address: str) -> None:
    with cli.perfclient(address, timeout=0.1) as client, pytest.raises(ConnectionLost):
        client.find("pdm.perf.profile").invoke("run", seconds=3000)
    wait_until(lambda: "ashd-pdm-client" not in [t.name for t in threading.enumerate()])


class Leaf:
    pass


class Unmeasurable:
    def __sizeof__(self) -> int:
        raise RuntimeError


def test_heap_types_and_growth(client: cli.PerfClient) -> None:
    heap = client.find("pdm.perf.heap")
    heap.invoke("growth")
    kept = [Leaf() for _ in range(20_000)]
    unmeasurable = Unmeasurable()
    name = f"{Leaf.__module__}.Leaf"
    found = {entry["type"]: entry for entry in heap.invoke("types", limit=10_000)}
    assert found[name]["count"] == len(kept)
    assert found[name]["size"] >= len(kept) * 16
    entry = found[f"{Leaf.__module__}.Unmeasurable"]
    assert (entry["count"], entry["size"]) == (1, 0)
    del unmeasurable
    grown = {entry["type"]: entry for entry in heap.invoke("growth", limit=10_000)}
    assert grown[name]["count"] == len(kept)
    kept.clear()
    gc.collect()
    shrunk = {entry["type"]: entry for entry in heap.invoke("growth", limit=10_000)}
    assert shrunk[name]["count"] == -20_000
    assert len(heap.invoke("types", limit=3)) == 3
    assert heap.invoke("garbage")["enabled"] is True


def test_tracemalloc(client: cli.PerfClient) -> None:
    heap = client.find("pdm.perf.heap")
    assert heap.invoke("trace_top") is None
    heap.invoke("trace_start")
    try:
        kept = [bytes(10_000) for _ in range(500)]
        assert not heap.invoke("trace", 0.01)["left"]  # it leaves on what was on
        lines = heap.invoke("trace_top", limit=5)
        assert lines[0]["file"] == __file__
        assert lines[0]["size"] >= 10_000 * len(kept)
    finally:
        heap.invoke("trace_stop")
    assert not tracemalloc.is_tracing()
    with pytest.raises(ValueError, match="frames"):
        heap.invoke("trace_start", frames=0)


DAEMON = """
import signal, sys, threading
from ashd.pdm import srv
done = threading.Event()
{handlers}
srv.listen(sys.argv[1])
print("up", flush=True)
while not done.wait(0.05):
    pass
print("done", flush=True)
"""


@pytest.mark.parametrize(
    ("method", "number"), [("exit", signal.SIGTERM), ("reload", signal.SIGHUP)]
)
def test_sysctl(place: Path, method: str, number: signal.Signals) -> None:
    handlers = f"signal.signal({int(number)}, lambda *args: done.set())"
    command = [
        sys.executable,
        "-c",
        textwrap.dedent(DAEMON.format(handlers=handlers)),
        str(place / "s"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        with cli.perfclient(str(place / "s")) as client:
            assert client.find("pdm.perf.sysctl").invoke(method) is None
            assert process.stdout.read() == b"done\n"
    assert process.returncode == 0


def test_reload_of_a_daemon_that_cant(client: cli.PerfClient) -> None:
    with pytest.raises(perf.error, match="no handler for SIGHUP"):
        client.find("pdm.perf.sysctl").invoke("reload")


def test_two_who_trace_at_once_and_one_that_leaves(address: str) -> None:
    with cli.perfclient(address) as client:
        with cli.perfclient(address, timeout=0.05) as other, pytest.raises(ConnectionLost):
            other.find("pdm.perf.heap").invoke("trace", 3000)
        found = client.find("pdm.perf.heap").invoke("trace", 0.05)
        assert not found["left"]
        assert found["overhead"] > 0
        wait_until(lambda: not tracemalloc.is_tracing())
        with pytest.raises(ValueError, match="seconds must be"):
            client.find("pdm.perf.heap").invoke("trace", 0)


def test_reload_of_a_module(
    client: cli.PerfClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = tmp_path / "pdm_test_reloaded.py"
    source.write_text("value = 1\n", encoding="utf-8")
    module = importlib.import_module("pdm_test_reloaded")
    source.write_text("value = 22\n", encoding="utf-8")
    try:
        assert client.find("pdm.perf.sysctl").invoke("reload", "pdm_test_reloaded") is None
        assert module.value == 22
    finally:
        del sys.modules["pdm_test_reloaded"]
    with pytest.raises(perf.nosuchname, match="no module of this name is imported"):
        client.find("pdm.perf.sysctl").invoke("reload", "pdm_test_reloaded")


def test_a_daemons_own_way_to_exit(client: cli.PerfClient) -> None:
    asked = threading.Event()
    perf.sysctl.exit_with = asked.set
    try:
        client.find("pdm.perf.sysctl").invoke("exit")
        assert asked.wait(20)
    finally:
        perf.sysctl.exit_with = None


def test_directory_and_value() -> None:
    directory = perf.Directory()
    directory["a"] = perf.Value(1)
    assert list(directory.listdir()) == ["a"]
    directory.lookup("a").value = 2
    assert directory.lookup("a").readattr() == 2
    del directory["a"]
    with pytest.raises(KeyError):
        directory.lookup("a")


def test_interfaces() -> None:
    directory, source = perf.Directory(), perf.EventSource()
    assert isinstance(directory, perf.Listable)
    assert isinstance(source, perf.Subscribable)
    assert isinstance(perf.Value(1), perf.Readable)
    assert isinstance(perf.Functions(), perf.Invokable)
    assert isinstance(directory, perf.PerfObject)
    assert perf.simpleattr is perf.Attribute
    assert perf.staticdir is perf.Directory
    directory = perf.staticdir()
    directory["a"] = directory
    assert directory["a"] is directory
    functions = perf.simplefunc(one=lambda: 1)
    functions["two"] = lambda: 2
    del functions["one"]
    assert functions.invoke("two") == 2
    with pytest.raises(AttributeError):
        functions.invoke("one")


def test_calls_outside_of_a_server(module: Any) -> None:
    done: list[int] = []
    perf.after_reply(lambda: done.append(1))
    assert done == [1]
    assert perf.wait_left(0) is False
    assert perf.profile.invoke("run", seconds=0.01)["samples"] >= 1


def test_a_process_without_workers_has_an_empty_directory(client: cli.PerfClient) -> None:
    assert client.find("pdm.perf.workers").listdir() == []


def test_importing_the_package_imports_no_part() -> None:
    script = "import sys, ashd.pdm; print([m for m in sys.modules if m.startswith('ashd.pdm.')])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['ashd.pdm._errors']\n"
    script = "import sys, ashd.pdm.srv; print('asyncio' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False False\n"


def test_limits_of_a_server(place: Path) -> None:
    limits = srv.Limits(output_line=10)
    with srv.listen(str(place / "s"), limits=limits), cli.replclient(str(place / "s")) as client:
        assert max(map(len, client.run("print('x' * 100)").splitlines())) <= 20
