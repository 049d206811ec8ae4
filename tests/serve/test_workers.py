"""Worker processes: shared out, kept up, and replaced without anybody noticing."""

from __future__ import annotations

import os
import re
import resource
import signal
import threading
import urllib.request
from pathlib import Path

import pytest

from ashdtest.frontend import front_end
from ashdtest.handlers import Handler
from ashdtest.processes import children, descriptor_count, exists, program
from ashdtest.wsgiprograms import (
    APPS,
    PATIENCE,
    body_of,
    pipes,
    read_response,
    until,
    wait_at,
    wait_for_log,
    workers,
    wsgi,
)

RELOADS = 10

COMPILING = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
"""An environment in which Python keeps what it compiles, as it does where nobody forbids it."""


def wait_for_workers(handler: Handler, count: int, but: list[int] | None = None) -> list[int]:
    """Wait until so many workers are ready, none of them one of `but`."""

    def they_are_ready() -> bool:
        pids = workers(handler)
        return len(pids) == count and not set(pids) & set(but or []) and all(map(is_ready, pids))

    until(they_are_ready, f"{count} workers")
    return workers(handler)


def is_ready(pid: int) -> bool:
    """Tell whether a worker has come to handling signals, which it does before it receives."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False
    (mask,) = (line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (signal.SIGHUP - 1) & 1)


def pid_that_answers(handler: Handler) -> int:
    return int(handler.call(timeout=PATIENCE).body.split()[0])


@pytest.mark.parametrize(("options", "expected"), [((), b"False"), (("-w", "2"), b"True")])
def test_multiprocess_tells(options: tuple[str, ...], expected: bytes) -> None:
    with wsgi("hello_app", *options) as handler:
        assert handler.call(timeout=PATIENCE).body.endswith(b", %b]" % expected)


def test_all_workers_receive(tmp_path: Path) -> None:
    gates = pipes(tmp_path, 3)
    with wsgi("gate_app", "-t", "single", "-w", "3") as handler:
        clients = wait_at(handler, gates)  # one each, or one would not arrive
        for gate in gates:
            gate.open()
        pids = {body_of(read_response(client)) for client in clients}
        assert len(pids) == 3
        assert handler.pid not in set(map(int, pids))


def test_a_killed_worker_costs_its_own_requests_only(tmp_path: Path) -> None:
    gates = pipes(tmp_path, 8)
    with wsgi("gate_app", "-w", "2") as handler:
        wait_for_workers(handler, 2)
        victim = pid_that_answers(handler)
        clients = wait_at(handler, gates)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in workers(handler), "the dead worker's burial")
        for _ in range(20):
            assert pid_that_answers(handler) != victim
        # A pipe whose reader was killed lets the others through as well.
        for gate in gates:
            gate.open()
        answers = list(map(read_response, clients))
        assert {body_of(answer) for answer in answers if answer} <= {
            b"%d" % pid for pid in workers(handler)
        }
        wait_for_workers(handler, 2, [victim])
        assert "killed by signal 9" in handler.log


def test_a_worker_that_dies_at_once_is_started_again_ever_later() -> None:
    with wsgi("dying_app", "-w", "1", status=None) as handler:
        until(lambda: handler.log.count("another is started in") >= 4, "four deaths")
        delays = list(map(float, re.findall(r"started in ([0-9.]+) s", handler.log)))
        assert delays == sorted(set(delays))
        handler.process.terminate()
        handler.process.wait(PATIENCE)


def test_workers_that_die_do_not_outlive_the_parents_end() -> None:
    with wsgi("dying_app", "-w", "1", status=1) as handler:
        wait_for_log(handler, "another is started in")
        with handler.open():
            handler.socket.close()
            assert handler.process.wait(PATIENCE) == 1


def test_what_no_worker_can_serve_is_given_up_at_the_parents_end(tmp_path: Path) -> None:
    write_version(tmp_path, "old")
    with wsgi("version_app", "-w", "1", apps=tmp_path, status=1) as handler:
        worker = wait_for_workers(handler, 1)[0]
        handler.call(timeout=PATIENCE)  # the parent knows by now that it serves
        (tmp_path / "version_app.py").write_text("raise ZeroDivisionError('broken')\n")
        os.kill(worker, signal.SIGKILL)
        wait_for_log(handler, "a worker could not start (exit status 1); another attempt in")
        with handler.open() as client:
            handler.socket.close()
            assert handler.process.wait(PATIENCE) == 1
            assert client.recv(1) == b""


def test_a_worker_is_started_when_the_system_has_room_for_it_again() -> None:
    with wsgi("hello_app", "-w", "1") as handler:
        worker = pid_that_answers(handler)  # the parent knows by now that it serves
        limits = resource.prlimit(handler.pid, resource.RLIMIT_NOFILE)
        before = descriptor_count(handler.pid)
        for attempt in (1, 2):  # there is no room for its control socket; for what starts a process
            room = before - 2 + 2 * attempt
            resource.prlimit(handler.pid, resource.RLIMIT_NOFILE, (room, limits[1]))
            os.kill(worker, signal.SIGKILL)
            said = "no worker can be started (Too many open files); another attempt in"
            until(lambda n=attempt, said=said: handler.log.count(said) >= n, said)  # type: ignore[misc]
            resource.prlimit(handler.pid, resource.RLIMIT_NOFILE, limits)
            (worker,) = wait_for_workers(handler, 1, [worker])
            assert pid_that_answers(handler) == worker
            assert descriptor_count(handler.pid) == before


def test_a_worker_that_fails_while_it_leaves_is_told_of(tmp_path: Path) -> None:
    write_version(tmp_path, "old")
    with (tmp_path / "version_app.py").open("a") as file:
        file.write("import atexit, os\natexit.register(os._exit, 3)\n")
    with wsgi("version_app", "-w", "1", apps=tmp_path, status=None) as handler:
        handler.call(timeout=PATIENCE)  # the parent knows by now that it serves
        (worker,) = wait_for_workers(handler, 1)
        handler.process.send_signal(signal.SIGHUP)
        wait_for_log(handler, f"worker {worker} died while it left (exit status 3)")
        assert handler.call(timeout=PATIENCE).body == b"old"


SWALLOWS_A_SIGNAL = """
import os, signal
from pathlib import Path
from gate_app import application as wait_at_gate
signal.signal(signal.SIGTERM, lambda *_: Path(os.environ["SWALLOWED"]).touch())
wait_at_gate({"QUERY_STRING": os.environ["GATE"]}, lambda *_: None)
def application(environ, start_response):
    start_response("200 OK", [])
    return []
"""


def test_an_application_that_swallows_a_signal_at_its_start_ends(tmp_path: Path) -> None:
    (gate,) = pipes(tmp_path, 1)
    swallowed = tmp_path / "swallowed"
    (tmp_path / "swallowing_app.py").write_text(SWALLOWS_A_SIGNAL)
    env = os.environ | {"GATE": str(tmp_path / "pipe0"), "SWALLOWED": str(swallowed)}
    options = ("-w", "1", "-p", str(APPS))
    with wsgi("swallowing_app", *options, apps=tmp_path, env=env) as handler:
        gate.wait_for_arrival()
        handler.process.terminate()
        until(swallowed.exists, "the signal")
        gate.open()
        assert handler.process.wait(PATIENCE) == 0


def test_an_application_that_does_not_load_ends_it(tmp_path: Path) -> None:
    (tmp_path / "bad_app.py").write_text("raise ZeroDivisionError('bad')\n")
    with wsgi("bad_app", "-w", "2", apps=tmp_path, status=1) as handler:
        assert handler.process.wait(PATIENCE) == 1
        assert handler.log.count("ZeroDivisionError: bad") == 2  # traceback and explanation, once


def test_reload_takes_new_code_and_leaves_no_old_worker(tmp_path: Path) -> None:
    write_version(tmp_path, "old")
    with wsgi("version_app", "-w", "2", apps=tmp_path, env=COMPILING) as handler:
        old = wait_for_workers(handler, 2)
        assert handler.call(timeout=PATIENCE).body == b"old"
        write_version(tmp_path, "new")
        handler.process.send_signal(signal.SIGHUP)
        wait_for_workers(handler, 2, old)
        assert handler.call(timeout=PATIENCE).body == b"new"


def test_reload_while_workers_start() -> None:
    with wsgi("hello_app", "-w", "2") as handler:
        until(lambda: workers(handler), "a worker to start")
        for _ in range(5):
            first = workers(handler)
            handler.process.send_signal(signal.SIGHUP)
            until(lambda known=first: set(workers(handler)) - set(known), "another worker")  # type: ignore[misc]
        wait_for_workers(handler, 2)
        assert handler.call(timeout=PATIENCE).status == 200


def test_reloads_while_a_request_hangs_keep_one_old_generation(tmp_path: Path) -> None:
    (gate,) = pipes(tmp_path, 1)
    with wsgi("gate_app", "-w", "1") as handler:
        (old,) = wait_for_workers(handler, 1)
        (client,) = wait_at(handler, [gate])
        handler.process.send_signal(signal.SIGHUP)
        until(lambda: pid_that_answers(handler) != old, "the new worker")
        new = pid_that_answers(handler)
        for _ in range(3):
            handler.process.send_signal(signal.SIGHUP)
            wait_for_log(handler, "replaced when those that still finish")
            assert pid_that_answers(handler) == new
        assert set(workers(handler)) == {old, new}
        gate.open()
        assert body_of(read_response(client)) == b"%d" % old
        wait_for_workers(handler, 1, [old, new])


def test_an_application_that_does_not_load_again_leaves_the_old_one(tmp_path: Path) -> None:
    write_version(tmp_path, "old")
    with wsgi("version_app", "-w", "1", apps=tmp_path) as handler:
        handler.call(timeout=PATIENCE)  # the parent knows by now that it serves
        old = wait_for_workers(handler, 1)
        (tmp_path / "version_app.py").write_text("raise ZeroDivisionError('broken')\n")
        handler.process.send_signal(signal.SIGHUP)
        wait_for_log(handler, "ZeroDivisionError: broken", "the old ones go on")
        assert workers(handler) == old
        assert handler.call(timeout=PATIENCE).body == b"old"
        write_version(tmp_path, "cured")
        handler.process.send_signal(signal.SIGHUP)
        wait_for_workers(handler, 1, old)
        assert handler.call(timeout=PATIENCE).body == b"cured"


def write_version(directory: Path, version: str) -> None:
    """Write an application that answers with `version`, as a deployment does it: all at once."""
    draft = directory / "draft"
    draft.write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        f"    return [{version.encode()!r}]\n"
    )
    draft.rename(directory / "version_app.py")


class Load(threading.Thread):
    """Asks a server again and again until it is told to stop; keeps what was wrong."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._told_to_stop = threading.Event()
        self.answers: set[bytes] = set()
        self.count = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self._told_to_stop.is_set():
            try:
                with urllib.request.urlopen(self._url, timeout=PATIENCE) as response:
                    self.answers.add(response.read())
                    self.count += 1
            except OSError as error:
                self.failures.append(repr(error))

    def stop(self) -> None:
        self._told_to_stop.set()


def test_reloads_under_load_fail_no_request(tmp_path: Path) -> None:
    write_version(tmp_path, "0")
    command = [program("ashd-wsgi"), "-w", "2", "-p", str(tmp_path), "-A", "version_app"]
    with front_end(command, env=COMPILING) as server:
        loads = [Load(server.url) for _ in range(4)]
        for load in loads:
            load.start()
        until(lambda: all(load.count for load in loads), "the first answers")
        try:
            for number in range(1, RELOADS + 1):
                reload_to(server.handler_pid, tmp_path, str(number), loads)
        finally:
            for load in loads:
                load.stop()
            for load in loads:
                load.join()
        assert [failure for load in loads for failure in load.failures] == []
        with urllib.request.urlopen(server.url, timeout=PATIENCE) as response:
            assert response.read() == str(RELOADS).encode()


def reload_to(pid: int, directory: Path, version: str, loads: list[Load]) -> None:
    old = children(pid)
    write_version(directory, version)
    os.kill(pid, signal.SIGHUP)
    until(lambda: len(children(pid)) == 2 and not set(children(pid)) & set(old), "new workers")
    counts = [load.count for load in loads]
    until(
        lambda: all(load.count > count for load, count in zip(loads, counts, strict=True)),
        "load on the new workers",
    )


@pytest.mark.parametrize("workers_too", [False, True])
def test_requests_end_well_when_stopped_during_a_reload(tmp_path: Path, workers_too: bool) -> None:
    gates = pipes(tmp_path, 4)
    with wsgi("gate_app", "-w", "2") as handler:
        old = wait_for_workers(handler, 2)
        clients = wait_at(handler, gates)
        handler.process.send_signal(signal.SIGHUP)
        until(lambda: len(set(workers(handler)) - set(old)) == 2, "the new workers")
        handler.process.terminate()
        if workers_too:
            for gate in gates:
                gate.open()
        else:
            for gate in reversed(gates):
                gate.open()
        assert all(int(body_of(read_response(client))) in old for client in clients)
        assert handler.process.wait(PATIENCE) == 0


def test_a_worker_that_is_told_to_end_is_replaced_and_finishes(tmp_path: Path) -> None:
    (gate,) = pipes(tmp_path, 1)
    with wsgi("gate_app", "-w", "1") as handler:
        (client,) = wait_at(handler, [gate])
        (old,) = workers(handler)
        os.kill(old, signal.SIGTERM)
        wait_for_log(handler, f"worker {old} leaves")
        assert pid_that_answers(handler) != old
        gate.open()
        assert body_of(read_response(client)) == b"%d" % old
        until(lambda: not exists(old), "the old worker's end")
        assert "died" not in handler.log


def test_workers_finish_when_their_parent_is_killed(tmp_path: Path) -> None:
    gates = pipes(tmp_path, 2)
    with wsgi("gate_app", "-w", "2", status=None) as handler:
        pids = wait_for_workers(handler, 2)
        clients = wait_at(handler, gates)
        handler.process.kill()
        handler.process.wait(PATIENCE)
        os.kill(pids[0], signal.SIGTERM)  # it can't tell its parent that it leaves
        for gate in gates:
            gate.open()
        assert all(int(body_of(read_response(client))) in pids for client in clients)
        until(lambda: not any(map(exists, pids)), "the workers' end")
        assert "Traceback" not in handler.log


def test_max_requests_replaces_workers_between_requests() -> None:
    with wsgi("hello_app", "-w", "1", "--max-requests", "5") as handler:
        pids = [pid_that_answers(handler) for _ in range(15)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [5, 5, 5]
        assert "died" not in handler.log


def test_max_requests_jitter() -> None:
    with wsgi("hello_app", "-w", "1", "--max-requests", "2,3") as handler:
        pids = [pid_that_answers(handler) for _ in range(20)]
        counts = [pids.count(pid) for pid in dict.fromkeys(pids)]
        assert all(2 <= count <= 5 for count in counts[:-1])


def test_what_is_queued_at_the_end_outlives_workers() -> None:
    with wsgi("hello_app", "-w", "2", "--max-requests", "10") as handler:
        wait_for_workers(handler, 2)
        clients = [handler.open() for _ in range(30)]
        handler.socket.close()
        assert all(body_of(read_response(client)) for client in clients)
        assert handler.process.wait(PATIENCE) == 0


def test_max_rss_replaces_a_worker_that_grows() -> None:
    with wsgi("hungry_app", "-w", "1", "--max-rss", "60") as handler:
        first = pid_that_answers(handler)
        until(lambda: pid_that_answers(handler) != first, "another worker")
        wait_for_log(handler, "MiB, more than --max-rss allows", "leaves and is replaced")


def test_a_failed_replacement_is_tried_again(tmp_path: Path) -> None:
    write_version(tmp_path, "old")
    options = ("-w", "1", "--max-requests", "3")
    with wsgi("version_app", *options, apps=tmp_path, env=COMPILING) as handler:
        handler.call(timeout=PATIENCE)
        (tmp_path / "version_app.py").write_text("raise ZeroDivisionError('broken')\n")
        for _ in range(2):
            handler.call(timeout=PATIENCE)
        wait_for_log(handler, "a worker could not start")
        write_version(tmp_path, "cured")
        assert handler.call(timeout=PATIENCE).body == b"cured"


def test_children_of_the_application_keep_no_worker_from_being_replaced() -> None:
    with wsgi("deaf_app", "-w", "1") as handler:
        (worker,) = wait_for_workers(handler, 1)
        child = int(handler.call(timeout=PATIENCE).body)
        try:
            os.kill(worker, signal.SIGKILL)
            wait_for_workers(handler, 1, [worker])
            other = int(handler.call(timeout=PATIENCE).body)
            os.kill(other, signal.SIGKILL)
        finally:
            os.kill(child, signal.SIGKILL)
