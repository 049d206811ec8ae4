"""`ashd-pdm metrics`, read by those that it is for."""

from __future__ import annotations

import http.client
import json
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.debugdaemon import Daemon, run_command, running_daemon
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, program, wait_until

pytest.importorskip("prometheus_client")
from ashd.pdm.command.metrics._serve import (
    MOST_CLIENTS,
    BoundedServer,
    application,
)

SOURCE = """
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf

class Server(perf.Attribute):
    pass

def read():
    return {
        "requests_total": {"200": 90, "500": 3},
        "in_flight": [{"method": "GET", "uri": "/", "age": 1.5, "thread": 1}],
        "latency": {"count": 93, "sum": 4.5,
                    "buckets": [[0.01, 80], [0.1, 90], [float("inf"), 93]]},
    }

module = type(sys)("ashd.perf")
module.server = perf.Attribute(read)
sys.modules["ashd.perf"] = module
ashd.pdm.srv.listen(sys.argv[1])
threading.Event().wait()
"""


@contextmanager
def served(daemon: Daemon) -> Iterator[int]:
    """Serve the metrics over HTTP; yields the port."""
    command = [program("ashd-pdm"), "metrics", "--listen", "127.0.0.1:0", daemon.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield int(line.removesuffix("/metrics\n").rpartition(":")[2])
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def get(port: int, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def test_the_clients_parser_reads_it(daemon: Daemon) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    text = run_command("metrics", daemon.address).stdout
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    requests = {sample.labels["code"]: sample.value for sample in families["ashd_requests"].samples}
    assert requests == {"200": 90, "500": 3}
    histogram = families["ashd_request_duration_seconds"]
    assert histogram.type == "histogram"
    buckets = {
        sample.labels["le"]: sample.value
        for sample in histogram.samples
        if sample.name.endswith("_bucket")
    }
    assert buckets == {"0.01": 80, "0.1": 90, "+Inf": 93}
    assert families["process_cpu_seconds"].type == "counter"
    assert families["ashd_request_oldest_seconds"].samples[0].value == 1.5


def test_over_http(daemon: Daemon) -> None:
    with served(daemon) as port:
        status, kind, body = get(port, "/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert b"ashd_requests_in_flight 1.0\n" in body
        assert get(port, "/metrics", "HEAD")[2] == b""
        assert get(port, "/")[0] == 200
        assert get(port, "/else")[0] == 404
        assert get(port, "/metrics", "POST")[0] == 405


def test_a_daemon_that_is_gone_is_no_end() -> None:
    with running_daemon(SOURCE) as daemon, served(daemon) as port:
        daemon.end()
        status, _, body = get(port, "/metrics")
        assert status == 502
        assert b"nobody serves" in body


def test_slow_clients_hold_nobody_up(daemon: Daemon) -> None:
    beginnings = [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-"]
    with served(daemon) as port, ExitStack() as slow:
        clients = [slow.enter_context(connected(port)) for _ in range(3)]
        for client, beginning in zip(clients, beginnings, strict=True):
            client.sendall(beginning)
        assert get(port, "/metrics")[0] == 200
        assert not select.select(clients, [], [], 0)[0]  # they were not given up for that


def test_more_slow_clients_than_there_is_room_for(daemon: Daemon) -> None:
    with served(daemon) as port, ExitStack() as slow:
        clients = [slow.enter_context(connected(port)) for _ in range(3 * MOST_CLIENTS)]
        assert get(port, "/metrics")[0] == 200
        wait_until(
            lambda: select.select(clients[:1], [], [], 0)[0], what="the oldest to be given up"
        )


def test_a_whole_request_has_a_time_limit() -> None:
    """Not only each byte: this client sends one whenever it can."""
    with BoundedServer(("127.0.0.1", 0)) as server:
        server.seconds = 0.3
        server.set_app(application("", list))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            with connected(server.server_port) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nX-Long: ")
                wait_until(lambda: closed_after(client, b"x"), what="the end of the connection")
        finally:
            server.shutdown()
            thread.join()


def test_a_client_that_resets_its_connection_is_not_told_of(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with BoundedServer(("127.0.0.1", 0)) as server:
        server.set_app(application("", list))
        with connected(server.server_port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.handle_request()
    assert capfd.readouterr().err == ""


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), DEADLINE)


def closed_after(client: socket.socket, data: bytes) -> bool:
    try:
        client.sendall(data)
        return bool(select.select([client], [], [], 0)[0]) and client.recv(1) == b""
    except (BrokenPipeError, ConnectionResetError):
        return True


@needs("promtool")
def test_promtool_finds_no_fault(daemon: Daemon) -> None:
    text = run_command("metrics", daemon.address).stdout
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@needs("prometheus")
def test_prometheus_scrapes_it(daemon: Daemon, tmp_path: Path) -> None:
    with served(daemon) as port, prometheus(tmp_path, port) as web:

        def scraped() -> list[float]:
            query = quote('ashd_requests_total{code="200"}')
            status, _, body = get(web, f"/api/v1/query?query={query}")
            if status != 200:  # not ready yet
                return []
            return [float(one["value"][1]) for one in json.loads(body)["data"]["result"]]

        assert wait_until(scraped, what="the first scrape") == [90.0]


@contextmanager
def prometheus(folder: Path, port: int) -> Iterator[int]:
    """Start a Prometheus that scrapes `port`; yields the port of its own pages."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n"
        "- job_name: daemon\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n",
        encoding="ascii",
    )
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--web.listen-address=127.0.0.1:0", "--log.format=json"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            yield wait_until(lambda: listening_port(log), what="the port of Prometheus")
        finally:
            process.kill()


def listening_port(log: Path) -> int:
    for line in log.read_text(encoding="utf-8").splitlines():
        address = json.loads(line).get("address", "") if line.startswith("{") else ""
        port = address.rpartition(":")[2]
        if port.isdecimal() and int(port):
            return int(port)
    return 0
