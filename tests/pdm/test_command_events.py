"""What `top` shows of a daemon that has events of requests and nothing better."""

from __future__ import annotations

import pickle
import re
import socket
import threading
from pathlib import Path

from ashd.pdm import perf
from ashd.pdm._limits import MAX_MESSAGE
from ashd.pdm._messages import message
from ashd.pdm.cli import PerfClient
from ashd.pdm.command.top._events import MOST_RUNNING, RequestEvents
from ashdtest.debugdaemon import Daemon, run_command

SOURCE = """
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf
from ashd.pdm._limits import MAX_MESSAGE

module = type(sys)("ashd.perf")
module.requests = perf.EventSource()
module.statistics = perf.Directory({"req": perf.Value({"200": 17})})
sys.modules["ashd.perf"] = module
pause = threading.Event()

def serve():
    while not module.requests:  # whoever looks shall see it begin
        pause.wait(0.005)
    module.requests.notify(perf.RequestStart(method="GET", uri="/stays"))
    while True:
        start = perf.RequestStart(method="GET", uri="/goes")
        module.requests.notify(start)
        pause.wait(0.002)
        module.requests.notify(perf.RequestFinish(start, status="204"))

threading.Thread(target=serve, daemon=True).start()
ashd.pdm.srv.listen(sys.argv[1])
threading.Event().wait()
"""


def test_requests_by_their_events(daemon: Daemon) -> None:
    text = run_command("top", "-n", "3", "-i", "0.3", daemon.address).stdout.rpartition("---")[2]
    assert "GET /stays" in text
    rate = re.search(r"204 ([\d.,]+)/s", text)
    assert rate
    assert float(rate[1].replace(",", "")) > 1
    assert re.search(r"p50 \d", text)


def test_metrics_of_a_daemon_that_only_counts(daemon: Daemon) -> None:
    assert 'ashd_requests_total{code="200"} 17.0\n' in run_command("metrics", daemon.address).stdout


def test_requests_whose_ends_are_lost_are_forgotten(place: Path) -> None:
    path = str(place / "server")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=send_beginnings, args=(listening, MOST_RUNNING + 1))
        thread.start()
        with PerfClient(path) as client:
            events = RequestEvents.of(client)
            assert events is not None
            most = 0
            while (number := len(events.state()["in_flight"])) >= most:
                most = number
            assert (number, most <= MOST_RUNNING) == (1, True)
        thread.join()


def send_beginnings(listening: socket.socket, number: int) -> None:
    """Serve one client whose object, the first one that it binds, has nothing but beginnings."""
    sock, _ = listening.accept()
    with sock, sock.makefile("rb") as stream:
        sock.sendall(b"+PDM1\n+PERF1\n")
        stream.readline()
        for answer in (["event"],), ():
            stream.read(int.from_bytes(stream.read(4)))
            data = pickle.dumps(("+", *answer))
            sock.sendall(len(data).to_bytes(4) + data)
        for event in ["something else"] + [perf.RequestStart(method="GET") for _ in range(number)]:
            sock.sendall(message(("*", 1, event), MAX_MESSAGE))
        stream.read()
