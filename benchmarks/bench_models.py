"""Figures of the handler models that no load driver shows: latency, files, memory, threads.

Each figure stands beside what it is meant to be. Everything is measured in one run on one machine,
beside the programs that ask; rates are those of this driver, not of the handler alone.

    python benchmarks/bench_models.py
"""

from __future__ import annotations

import os
import resource
import select
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _measure import table

from ashdtest.handlers import Handler, running_python
from ashdtest.processes import MODELS, resident_kib, thread_count
from ashdtest.wsgiprograms import read_response, wsgi

SLEEPERS = 4
ROUNDS = 5
IN_FLIGHT = 16
REQUESTS = 8000
FILE = 1 << 30
DOWNLOADS = 2000
DOWNLOAD = 1 << 20
WARM_UP = 500
HEADS = ["", "value", "unit", "meant to be"]

BARE_LOOP = """
from ashd.proto import Receiver
import os, socket
receiver = Receiver(sock := socket.socket(fileno=0))
while (request := receiver.receive()) is not None:
    with request:
        os.write(request.fileno(), b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
sock.detach()
"""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    unit: str
    target: float | None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        met = self.value >= self.target if self.at_least else self.value <= self.target
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.target:g}  {'ok' if met else 'MISSED'}"


def warm(handler: Handler) -> None:
    for _ in range(WARM_UP):
        handler.call()


def behind_sleepers(model: str) -> Figure:
    """Return the worst latency of a quick request behind four that sleep for a second each."""
    with wsgi("bench_app", "-t", model) as handler:
        worst = 0.0
        for _ in range(ROUNDS):
            warm(handler)
            sleepers = [handler.open(b"/sleep?1") for _ in range(SLEEPERS)]
            started = time.perf_counter()
            handler.call()
            worst = max(worst, time.perf_counter() - started)
            for sleeper in sleepers:
                read_response(sleeper)
    return Figure(f"{model}: quick request behind {SLEEPERS} sleeping", worst * 1e3, "ms", 20)


class Driver:
    """Keeps requests in flight from one thread, and notes how long each takes."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._epoll = select.epoll()
        self._running: dict[int, tuple[socket.socket, float]] = {}
        self.latencies: list[float] = []

    def send(self) -> None:
        client = self._handler.open(b"/")
        self._running[client.fileno()] = (client, time.perf_counter())
        self._epoll.register(client, select.EPOLLHUP | select.EPOLLRDHUP)

    def collect(self, seconds: float) -> int:
        """Take in what is answered within a time; return how many answers came."""
        ready = self._epoll.poll(seconds)
        for fd, _ in ready:
            client, started = self._running.pop(fd)
            self.latencies.append(time.perf_counter() - started)
            self._epoll.unregister(fd)
            client.close()
        return len(ready)

    def flat_out(self) -> float:
        """Return requests a second with `IN_FLIGHT` of them at any time."""
        started = time.perf_counter()
        for _ in range(IN_FLIGHT):
            self.send()
        left = REQUESTS
        while left > 0:
            for _ in range(self.collect(1)):
                left -= 1
                self.send()
        while self._running:
            self.collect(1)
        return REQUESTS / (time.perf_counter() - started)

    def paced(self, rate: float) -> None:
        """Send requests at a rate, whether they are answered or not."""
        self.latencies.clear()
        started = time.perf_counter()
        for number in range(REQUESTS):
            due = started + number / rate
            while (pause := due - time.perf_counter()) > 0:
                self.collect(pause)
            self.send()
        while self._running:
            self.collect(1)


def at_half_rate(model: str) -> Iterator[Figure]:
    with wsgi("bench_app", "-t", model) as handler:
        rate, p99 = measure_at_half_rate(handler)
    yield Figure(f"{model}: rate, with this driver", rate, "/s", None)
    yield Figure(f"{model}: p99 at half of that", p99, "ms", 5)


def control() -> Iterator[Figure]:
    """Measure a bare loop in the same way: what it misses as well is the machine's doing."""
    with running_python(BARE_LOOP) as handler:
        rate, p99 = measure_at_half_rate(handler)
    yield Figure("bare loop: rate, with this driver", rate, "/s", None)
    yield Figure("bare loop: p99 at half of that", p99, "ms", None)


def measure_at_half_rate(handler: Handler) -> tuple[float, float]:
    """Return requests a second, flat out, and milliseconds at half of it."""
    warm(handler)
    driver = Driver(handler)
    rate = driver.flat_out()
    driver.paced(rate / 2)
    return rate, statistics.quantiles(driver.latencies, n=100)[98] * 1e3


def swallow(sock: socket.socket) -> float:
    """Read to the end, and return how many seconds that takes."""
    buffer = bytearray(1 << 20)
    started = time.perf_counter()
    while sock.recv_into(buffer):
        pass
    return time.perf_counter() - started


def bare_sendfile(path: Path) -> float:
    """Return the seconds for sendfile(2) from another process, over a pair of sockets."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        ours.close()
        with path.open("rb") as file:
            offset = 0
            while sent := os.sendfile(theirs.fileno(), file.fileno(), offset, FILE - offset):
                offset += sent
        os._exit(0)
    theirs.close()
    with ours:
        seconds = swallow(ours)
    os.waitpid(pid, 0)
    return seconds


def file_wrapper() -> Figure:
    with tempfile.TemporaryDirectory() as folder, wsgi("bench_app") as handler:
        path = Path(folder, "file")
        with path.open("wb") as file:
            file.truncate(FILE)
        ratios = []
        for _ in range(3):
            bare = bare_sendfile(path)
            with handler.open(b"/file?" + os.fsencode(path)) as client:
                ratios.append(bare / swallow(client))
    ratio = statistics.median(ratios) * 100
    return Figure("1 GB file, relative to sendfile(2)", ratio, "%", 60, at_least=True)


def idle_memory(model: str) -> Figure:
    with wsgi("bench_app", "-t", model) as handler:
        handler.call()
        return Figure(f"{model}: memory when idle", resident_kib(handler.pid) / 1024, "MB", 20)


def slow_downloads() -> Iterator[Figure]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with wsgi("bench_app", "-t", "rplex") as handler:
        handler.call()
        before = resident_kib(handler.pid)
        clients = [handler.open(b"/stream?%d" % DOWNLOAD) for _ in range(DOWNLOADS)]
        for client in clients:
            client.recv(1)
        memory = (resident_kib(handler.pid) - before) / DOWNLOADS
        threads = thread_count(handler.pid)
        for client in clients:
            client.close()
    yield Figure(f"rplex: memory of each of {DOWNLOADS} slow downloads", memory, "KiB", None)
    yield Figure(f"rplex: threads during {DOWNLOADS} slow downloads", threads, "", 8)


def figures() -> Iterator[Figure]:
    for model in ("pool", "free"):
        yield behind_sleepers(model)
    yield from control()
    for model in MODELS:
        yield from at_half_rate(model)
    yield file_wrapper()
    for model in MODELS:
        yield idle_memory(model)
    yield from slow_downloads()


def main() -> None:
    """Print the table."""
    rows = [[one.name, f"{one.value:,.1f}", one.unit, one.verdict] for one in figures()]
    sys.stdout.write(table("Handler models: what no load shows", HEADS, rows))


if __name__ == "__main__":
    main()
