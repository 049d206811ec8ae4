"""What `top` shows of a daemon that has events of requests and nothing better."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ashdtest.debugdaemon import Daemon, run_command, running_daemon

SOURCE = """
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf

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


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon(SOURCE) as found:
        yield found


def test_requests_by_their_events(daemon: Daemon) -> None:
    text = run_command("top", "-n", "3", "-i", "0.3", daemon.address).stdout.rpartition("---")[2]
    assert "GET /stays" in text
    rate = re.search(r"204 ([\d.,]+)/s", text)
    assert rate
    assert float(rate[1].replace(",", "")) > 1
    assert re.search(r"p50 \d", text)


def test_metrics_of_a_daemon_that_only_counts(daemon: Daemon) -> None:
    assert 'ashd_requests_total{code="200"} 17.0\n' in run_command("metrics", daemon.address).stdout
