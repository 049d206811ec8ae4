"""The access log of ashd-htparser: one line for each request, whatever became of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ashdtest.client import Client, chunked, post, request
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader
from ashdtest.outside import find, needs
from ashdtest.processes import children, program, python_environment, wait_until

FIELDS = (
    "client,method,target,line,version,status,sent,received,duration,first_byte,agent,host,"
    "request_id,connection_id,protocol,outcome,request:x-odd,response:content-length"
)
EXAMPLE = Path(__file__).parents[2] / "examples" / "logrotate" / "ashd"
CLOSE = "Connection: close"
SHORT = b"HTTP/1.1 200 OK\nContent-Length: 10\n\nhello"
BAD = b'GET /bad"\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n'


SILENT = "The handler closed its connection without a response."


class Log:
    """What a front end has logged, and answered."""

    def __init__(self, lines: list[str], answers: list[bytes], messages: str) -> None:
        self.records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.answers = answers
        self.messages = messages

    def of(self, target: str) -> dict[str, Any]:
        (record,) = [record for record in self.records if record["target"] == target]
        return record

    def facts(self, target: str) -> tuple[Any, ...]:
        record = self.of(target)
        return tuple(record[name] for name in ("status", "sent", "received", "outcome"))


def exchange_everything(server: FrontEnd) -> list[bytes]:
    """Send what the tests below look for in the log."""
    answers = [
        server.exchange(data)
        for data in (
            request("/echo?1", CLOSE, "X-Ash-Request-ID: forged"),
            request("/echo?2", CLOSE, 'X-Odd: "\\\t\xe9', "User-Agent: a"),
            request("/echo?3") + request("/echo?4") + request("/echo?5", CLOSE),
            request("/chunked?300000", CLOSE),
            request("/chunked?3000", version="HTTP/1.0"),
            request("/length?70000", CLOSE, method="HEAD"),
            request("/chunks?whole", CLOSE),
            request("/chunks?cut"),
            request("/silent"),
            post("/count?posted", b"x" * 100_000, CLOSE),
            request("/count?chunked", "Transfer-Encoding: chunked", CLOSE, method="POST")
            + chunked(b"x" * 70_000, b"y" * 70_000),
            post("/raw?none", b"HTTP/1.1 204 No\n\n", CLOSE),
            post("/raw?short", SHORT, CLOSE),
            request("/echo?good") + BAD,
            b"\x16\x03\x01 nonsense",
            request("/echo", "X-Large: " + "x" * 70_000),
            request("/echo?chunks", "Transfer-Encoding: chunked") + b"nonsense\r\n",
        )
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server.connect())) for _ in range(3)]
        clients[0].send(request("/wait?left"))
        server.wait_for_log("waiting")
        clients[1].send(request("/lull?begun")).until(b"\r\n\r\n")
        clients[2].send(request("/echo?unsent", "Content-Length: 100") + b"half of it")
    server.wait_for_log("left")
    ids = ("X-Request-ID: clients", "X-Request-ID: mine")
    given = request("/echo?proxy", CLOSE, *ids, "X-Forwarded-For: 192.0.2.7")
    answers.append(server.exchange(given, "127.0.0.1"))
    answers.append(server.exchange(given.replace(b"proxy", b"stranger"), "::1"))
    server.connect().close()
    return answers


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("log")
    env = dict(os.environ)
    if request.param == "asyncio":
        env |= python_environment(folder, "import sys; sys.modules['uvloop'] = None")
    options = [f"--access-log={folder}/log", f"--access-log-format=json:{FIELDS}"]
    options.append("--forwarded-allow-ips=127.0.0.1")
    with front_end(HANDLER, options=options, env=env) as server:
        answers = exchange_everything(server)
        wait_until(lambda: "stranger" in (folder / "log").read_text())
        messages = server.log
    return Log((folder / "log").read_text("ascii").splitlines(), answers, messages)


def test_a_line_tells_of_request_and_response(log: Log) -> None:
    record = log.of("/echo?2")
    size = len(log.answers[1].partition(b"\r\n\r\n")[2])
    assert 0 <= record.pop("first_byte") <= record.pop("duration") < 60
    assert record.pop("request_id") != log.of("/echo?1")["request_id"]
    assert record.pop("connection_id") != log.of("/echo?1")["connection_id"]
    assert record == {
        "client": "127.0.0.1",
        "method": "GET",
        "target": "/echo?2",
        "version": "HTTP/1.1",
        "line": "GET /echo?2 HTTP/1.1",
        "status": 200,
        "sent": size,
        "received": 0,
        "agent": "a",
        "host": "localhost",
        "protocol": "http",
        "outcome": "ok",
        "request:x-odd": '"\\\t\\xe9',
        "response:content-length": str(size),
    }


def test_handlers_get_the_id_and_nobody_forges_it(log: Log) -> None:
    record = log.of("/echo?1")
    assert re.fullmatch("[0-9a-f]{32}", record["request_id"])
    assert f"X-Ash-Request-ID: {record['request_id']}\n".encode() in log.answers[0]
    assert b"forged" not in log.answers[0]


def test_messages_name_the_request_that_they_are_about(log: Log) -> None:
    request_id = log.of("/silent")["request_id"]
    assert f"GET /silent: answered with 502: {SILENT} [{request_id}]\n" in log.messages


def test_only_a_proxy_that_is_trusted_gives_ids_and_tells_of_clients(log: Log) -> None:
    given, made = log.of("/echo?proxy"), log.of("/echo?stranger")
    assert (given["request_id"], given["client"]) == ("mine", "192.0.2.7")
    assert b"X-Ash-Request-ID: mine\n" in log.answers[-2]
    assert re.fullmatch("[0-9a-f]{32}", made["request_id"])
    assert made["client"] == "::1"


def test_each_request_of_a_connection_has_a_line_of_its_own(log: Log) -> None:
    records = [log.of(f"/echo?{number}") for number in (3, 4, 5)]
    assert len({record["connection_id"] for record in records}) == 1
    assert len({record["request_id"] for record in records}) == 3


@pytest.mark.parametrize(
    ("target", "facts"),
    [
        ("/chunked?300000", (200, 300_000, 0, "ok")),
        ("/chunked?3000", (200, 3000, 0, "ok")),
        ("/length?70000", (200, 0, 0, "ok")),
        ("/chunks?whole", (200, 6, 0, "ok")),
        ("/chunks?cut", (200, 5, 0, "cut")),
        ("/count?posted", (200, 6, 100_000, "ok")),
        ("/count?chunked", (200, 6, 140_000, "ok")),
        ("/raw?none", (204, 0, 17, "ok")),
        ("/raw?short", (200, 5, len(SHORT), "cut")),
        ("/wait?left", (499, 0, 0, "cut")),
        ("/lull?begun", (200, 0, 0, "cut")),
        ("/echo?unsent", (499, 0, 10, "cut")),
    ],
)
def test_what_became_of_a_request(log: Log, target: str, facts: tuple[Any, ...]) -> None:
    assert log.facts(target) == facts


def test_what_the_front_end_answers_itself_is_logged_as_well(log: Log) -> None:
    refused = [record for record in log.records if record["outcome"] == "refused"]
    assert [record["status"] for record in refused] == [502, 400, 400, 431, 400]
    silent, bad, nonsense, large, chunks = refused
    assert (silent["target"], chunks["target"]) == ("/silent", "/echo?chunks")
    assert bad["line"] == 'GET /bad"\x1b[2J HTTP/1.1'
    assert nonsense["line"] == "\x16\x03\x01 nonsense"
    assert large["line"] == "GET /echo HTTP/1.1"
    for record, answers in zip(refused, [log.answers[8], *log.answers[13:17]], strict=True):
        answer = answers[answers.rindex(b"HTTP/1.1 ") :]
        assert record["sent"] == len(answer.partition(b"\r\n\r\n")[2])
    assert bad["method"] is bad["agent"] is bad["duration"] is None


def test_a_client_that_asks_for_nothing_is_not_logged(log: Log) -> None:
    assert len(log.records) == 25


def test_a_log_that_was_moved_away_loses_no_line(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "old"
    options = [f"--access-log={path}", "--processes=2", "--access-log-format={process} {target}"]
    with front_end(HANDLER, options=options) as server, ExitStack() as stack:
        server.wait_for_log("listening on")
        clients = [stack.enter_context(server.connect()) for _ in range(16)]
        asked: list[str] = []

        def ask() -> None:
            for client in clients:
                asked.append(f"/echo?{len(asked)}")
                client.sendall(request(asked[-1]))
            for client in clients:
                assert Reader(client).reply().status == 200

        ask()
        path.rename(old)
        server.process.send_signal(signal.SIGUSR1)
        wait_until(path.exists)
        ask()
        workers = {pid for pid in children(server.pid) if pid != server.handler_pid}
        wait_until(lambda: all(opens(pid, path) for pid in workers))
        before = len(old.read_text("ascii").splitlines())
        ask()
        server.terminate()
        server.wait()
        assert len(old.read_text("ascii").splitlines()) == before
    found = [line.split() for each in (old, path) for line in each.read_text().splitlines()]
    assert sorted(target for _, target in found) == sorted(asked)
    assert {int(pid) for pid, _ in found} == workers


def opens(pid: int, path: Path) -> bool:
    """Tell whether a process has a file open."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    return any(link.exists() and link.samefile(path) for link in links)


@needs("logrotate")
def test_the_example_for_logrotate(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    example = EXAMPLE.read_text("utf-8").replace("/var/log/ashd/access.log", str(path))
    with front_end(HANDLER, options=[f"--access-log={path}"]) as server:
        for number in range(2):
            if number:
                wait_until(lambda: path.stat().st_size)  # an empty one is not rotated
                kill = f"kill -USR1 {server.pid}"
                ours = re.sub(r"systemctl .*", kill, example.replace("su notes notes", ""))
                (tmp_path / "conf").write_text(ours, "utf-8")
                argv = [
                    str(find("logrotate")),
                    "-f",
                    "-s",
                    str(tmp_path / "state"),
                    str(tmp_path / "conf"),
                ]
                subprocess.run(argv, check=True)
                wait_until(path.exists)
            assert server.exchange(request(f"/echo?{number}", CLOSE)).startswith(b"HTTP/1.1 200 ")
    assert '"GET /echo?0 HTTP/1.1"' in (tmp_path / "access.log.1").read_text("ascii")
    assert '"GET /echo?1 HTTP/1.1"' in path.read_text("ascii")


@needs("accesslog")
def test_the_reference_handler_logs_our_requests(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with front_end(["accesslog", str(path), *HANDLER]) as server:
        assert server.exchange(request("/echo?seen", CLOSE)).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: path.exists() and "/echo?seen" in path.read_text())
    (line,) = path.read_text().splitlines()
    assert "GET" in line
    assert "127.0.0.1" in line


def test_timeouts_and_limits(tmp_path: Path) -> None:
    options = [f"--access-log={tmp_path}/log", "--head-time=0.5", "--connections-per-address=1"]
    with front_end(HANDLER, options=options) as server, Client(server.connect("::1")) as client:
        client.send(b"GET /slow HTTP/1.1\r\n")
        assert server.exchange(b"", "::1").startswith(b"HTTP/1.1 503 ")
        assert client.rest().startswith(b"HTTP/1.1 408 ")
    found = (tmp_path / "log").read_text("ascii")
    assert re.search(r'^::1 - - \[.{26}\] "-" 503 \d+ "-" "-"$', found, re.MULTILINE)
    assert re.search(
        r'^::1 - - \[.{26}\] "GET /slow HTTP/1.1" 408 \d+ "-" "-"$', found, re.MULTILINE
    )


def test_a_full_disk_stops_nobody() -> None:
    with front_end(HANDLER, options=["--access-log=/dev/full"]) as server:
        for _ in range(3):
            assert server.exchange(request("/echo", CLOSE)).startswith(b"HTTP/1.1 200 ")
        server.wait_for_log("/dev/full can't be written: No space left on device")
        assert server.exchange(request("/echo", CLOSE)).startswith(b"HTTP/1.1 200 ")
        server.terminate()
        server.wait()
        assert server.log.count("can't be written") == 1
        assert "/dev/full: 4 lines were lost" in server.log


def test_standard_output_is_a_place_for_it(tmp_path: Path) -> None:
    with front_end(HANDLER, options=["--access-log=-", "--log-format=json"]) as server:
        server.exchange(request("/echo", CLOSE))
        server.wait_for_log('"GET /echo HTTP/1.1" 200 ')
        messages = [json.loads(line) for line in server.log.splitlines() if line[0] == "{"]
        assert messages[-1]["message"].startswith("listening on ")


@pytest.mark.parametrize(
    ("option", "status", "complaint"),
    [
        ("--access-log=/nowhere/log", 1, "the access log /nowhere/log can't be opened: No such"),
        ("--access-log-format={staus}", 2, "--access-log-format: there is no field {staus}"),
    ],
)
def test_what_cannot_be_logged_is_one_clear_line(option: str, status: int, complaint: str) -> None:
    argv = [program("ashd-htparser"), option, "plain:port=1", "--", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.startswith(f"ashd-htparser: {complaint}")
    assert done.stderr.count("\n") == 1
