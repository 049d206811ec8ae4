"""The access log and the ids of requests in `ashd-wsgi`."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from ashdtest.commands import attempt, command, each_model, module
from ashdtest.handlers import read_all, running
from ashdtest.processes import children, wait_until

APPLICATION = """
import logging, os, signal

os.kill(os.getpid(), signal.SIGUSR1)  # from logrotate, which doesn't know what is loading

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise ZeroDivisionError
    logging.getLogger("shop").info("an item for %s", path)
    environ["REMOTE_USER"] = "bob"
    size = len(environ["wsgi.input"].read())
    headers = [("X-Answer", path), ("Content-Length", "10")]
    if path == "/pieces":
        del headers[1]
    start_response("200 OK", headers)
    body = [environ.get("HTTP_X_ASH_REQUEST_ID", "").encode(), str(os.getpid()).encode()]
    if path == "/pieces":
        return iter([b"abc", b"", b"defg"])
    if path == "/short":
        return iter([b"abc"])
    if path == "/file":
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    return [b"0123456789"] if path == "/" else [b"%d %b" % (size, b" ".join(body))[:10]]
"""

FIELDS = (
    "client,user,method,target,status,sent,received,duration,first_byte,agent,request_id,"
    "connection_id,outcome,response:x-answer"
)
ID = "0af7651916cd43dd8448eb211c80319c"
OURS = [
    (b"X-Ash-Address", b"192.0.2.1"),
    (b"X-Ash-Connection-ID", b"c-1"),
    (b"X-Ash-Request-ID", ID.encode()),
    (b"X-Ash-Framing", b"certain, chunked"),
]
SENT = (
    (b"/", 10, "ok"),
    (b"/pieces", 7, "ok"),
    (b"/short", 3, "ok"),
    (b"/file", 10, "ok"),
)


@each_model
def test_a_line_for_each_request(tmp_path: Path, model: str) -> None:
    log = tmp_path / "log"
    options = (f"--access-log={log}", f"--access-log-format=json:{FIELDS}", "-t", model)
    with running(command(*options, "-Ap", module(tmp_path, APPLICATION), "app")) as handler:
        for url, _, _ in SENT:
            client = handler.open(url, headers=OURS)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
        handler.call(b"/fails", headers=OURS)
        length = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"5")]
        handler.call(b"/?posted", method=b"POST", headers=OURS + length, body=b"hello")
        handler.call(b"/?two", headers=[(b"Content-Length", b"5"), (b"Content-Length", b"6")])
        wait_until(lambda: '"/?two"' in log.read_text())
    records = {each["target"]: each for each in map(json.loads, log.read_text().splitlines())}
    for url, sent, outcome in SENT:
        record = records[url.decode()]
        assert (record["status"], record["sent"], record["outcome"]) == (200, sent, outcome), url
    fails = records["/fails"]
    assert (fails["status"], fails["sent"], fails["user"]) == (500, 26, None)
    assert records["/?posted"]["received"] == 5
    two = records["/?two"]
    assert (two["status"], two["outcome"], two["client"]) == (400, "refused", None)
    assert_whole(records["/"])
    assert re.search(rf"INFO: an item for / \[{ID}\]\n", handler.log)
    assert f"GET /fails: the application failed [{ID}]" in handler.log


def assert_whole(record: dict[str, Any]) -> None:
    assert 0 <= record.pop("first_byte") <= record.pop("duration") < 60
    assert record == {
        "client": "192.0.2.1",
        "user": "bob",
        "method": "GET",
        "target": "/",
        "status": 200,
        "sent": 10,
        "received": 0,
        "agent": None,
        "request_id": ID,
        "connection_id": "c-1",
        "outcome": "ok",
        "response:x-answer": "/",
    }


IDENTIFIED = """
import logging

def application(environ, start_response):
    logging.getLogger("shop").info("an item")
    start_response("200 OK", [])
    return [environ["HTTP_X_ASH_REQUEST_ID"].encode()]
"""


def test_ids_are_made_when_the_front_end_gives_none(tmp_path: Path) -> None:
    argv = command("--request-id", "-Ap", module(tmp_path, IDENTIFIED), "app")
    with running(argv) as handler:
        made = [handler.call(headers=[(b"X-Request-ID", b"mine")]).body.decode() for _ in range(2)]
        assert handler.call(headers=OURS).body.decode() == ID
    assert len({*made, ID, "mine"}) == 4
    for each in (*made, ID):
        assert f"INFO: an item [{each}]\n" in handler.log


FORGING = """
def application(environ, start_response):
    odd = environ["HTTP_X_ODD"]
    environ.update({"REMOTE_ADDR": odd, "REMOTE_USER": odd, "wsgi.url_scheme": odd})
    start_response("200 OK", [])
    return []
"""


@pytest.mark.parametrize("form", ["combined", "{client} {user} {protocol} {agent}", "json"])
def test_nothing_from_a_client_forges_a_line(tmp_path: Path, form: str) -> None:
    log, odd = tmp_path / "log", b'x" 200\n\x1b\\caf\xe9'
    options = (f"--access-log={log}", f"--access-log-format={form}", "-t", "single")
    headers = [(b"X-Odd", odd), (b"User-Agent", odd), (b"X-Ash-Address", b"::1")]
    with running(command(*options, "-Ap", module(tmp_path, FORGING), "app")) as handler:
        handler.call(b"/" + odd, method=odd, headers=headers)
    (line,) = log.read_bytes().splitlines()
    assert re.fullmatch(rb"[ -~]+", line)
    assert line.count(b'"') == {"combined": 6, "json": line.count(b'"')}.get(form, 0)
    assert form != "json" or json.loads(line)["method"] == odd.decode("utf-8", "backslashreplace")


ODD_REFERER = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/odd":
        environ["HTTP_REFERER"] = ["no text"]
    start_response("200 OK", [])
    return []
"""


def test_every_line_ends_with_the_headers_of_its_own_request(tmp_path: Path) -> None:
    """Whatever was kept of earlier ones."""
    log = tmp_path / "log"
    argv = command(
        f"--access-log={log}", "-t", "single", "-Ap", module(tmp_path, ODD_REFERER), "app"
    )
    asked = [
        ("/a", "", "-"),
        ("/a", "", "x"),
        ("/b", "y", "x"),
        ("/odd", "", "x"),
        ("/b", "y", "x"),
    ]
    with running(argv) as handler:
        for target, referer, agent in asked:
            given = [(b"Referer", referer), (b"User-Agent", agent)]
            headers = [(name, value.encode()) for name, value in given if value.strip("-")]
            handler.call(target.encode(), headers=[*OURS, *headers])
    ends = [line.partition('" 200 0 ')[2] for line in log.read_text().splitlines()]
    assert ends == ['"-" "-"', '"-" "x"', '"y" "x"', '"[\'no text\']" "x"', '"y" "x"']


def test_workers_open_the_log_anew(tmp_path: Path) -> None:
    log, old = tmp_path / "log", tmp_path / "old"
    options = (f"--access-log={log}", "--access-log-format={process} {target}", "-w", "2")
    argv = command(*options, "-t", "single", "-Ap", module(tmp_path, APPLICATION), "app")
    with running(argv) as handler:
        handler.call(b"/?0")
        handler.process.send_signal(signal.SIGUSR1)  # nothing is lost if a worker still starts
        workers = children(handler.pid)
        asked = [f"/?{number}" for number in range(20)]
        for target in asked[1:10]:
            handler.call(target.encode())
        log.rename(old)
        handler.process.send_signal(signal.SIGUSR1)
        wait_until(log.exists)
        wait_until(lambda: all(opens(pid, log) for pid in workers))
        for target in asked[10:]:
            handler.call(target.encode())
    first, second = ([*each.read_text().split()[1::2]] for each in (old, log))
    assert sorted(first + second) == sorted(asked)
    assert set(second) >= set(asked[10:])  # a line is made when its client has got everything


def opens(pid: int, path: Path) -> bool:
    """Tell whether a process has a file open."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    return any(link.exists() and link.samefile(path) for link in links)


def test_what_cannot_be_logged(tmp_path: Path) -> None:
    folder = module(tmp_path, APPLICATION)
    done = attempt(command("--access-log-format={staus}", "-Ap", folder, "app"))
    assert done.status == 2
    assert "--access-log-format: there is no field {staus}" in done.stderr
