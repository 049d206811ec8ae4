"""Where log records of `ashd-wsgi` go."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.commands import command, each_model, module
from ashdtest.handlers import read_all, running
from ashdtest.processes import DEADLINE

TALKING = """
import logging, sys
logger = logging.getLogger("shop.cart")
def application(environ, start_response):
    logger.debug("of no interest")
    logger.info("an item for %s", environ["PATH_INFO"])
    environ["wsgi.errors"].write("said to wsgi.errors\\n")
    start_response("200 OK", [])
    root = logging.getLogger()
    return [f"{len(root.handlers)} {root.level}".encode()]
"""


CONFIGURED = """
import io, logging

class Debugging(logging.Filter):
    on = True
    def filter(self, record):
        return self.on

console = logging.StreamHandler()
console.setLevel(logging.WARNING)
console.addFilter(Debugging())
shop, elsewhere = logging.getLogger("shop"), logging.getLogger("elsewhere")
shop.addHandler(console)
elsewhere.addHandler(logging.StreamHandler(io.StringIO()))

def application(environ, start_response):
    shop.warning("shown twice?")
    logging.getLogger("shop.cart").warning("a child's")
    shop.info("below its level")
    Debugging.on = False
    shop.warning("not for its filter")
    elsewhere.info("to a file only")
    logging.getLogger("other").info("by nobody else")
    start_response("200 OK", [])
    return []
"""

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


@pytest.mark.parametrize("name", ["ashd-wsgi", "ashd-wsgi3"])
def test_the_log_goes_to_stderr(tmp_path: Path, name: str) -> None:
    with running(command("-Ap", module(tmp_path, TALKING), "app", name=name)) as handler:
        handler.call(b"/x")
    assert re.fullmatch(
        rf"{TIME} {name}\[\d+\]: shop.cart: INFO: an item for /x\nsaid to wsgi.errors\n",
        handler.log,
    )


def test_what_the_application_has_written_to_stderr_is_not_written_again(tmp_path: Path) -> None:
    with running(command("-Ap", module(tmp_path, CONFIGURED), "app")) as handler:
        handler.call()
    for text in ("shown twice?", "a child's"):
        assert handler.log.count(text) == 1
    for text in ("below its level", "not for its filter", "to a file only", "by nobody else"):
        assert re.search(rf"{TIME} ashd-wsgi\[\d+\]: .*{text}", handler.log)


def test_logging_can_be_left_alone(tmp_path: Path) -> None:
    with running(command("-LAp", module(tmp_path, TALKING), "app")) as handler:
        assert handler.call().body == b"0 30"
    assert handler.log == "said to wsgi.errors\n"


CONFIGURE = """
import logging, sys
from ashd.log import configure_logging
configure_logging("ashd-wsgi", syslog_socket=sys.argv[1])
logging.getLogger("shop.cart").info("an item")
"""


@pytest.mark.parametrize("there", [True, False])
def test_syslog(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        if there:
            daemon.bind(str(path))
            daemon.settimeout(DEADLINE)
        done = subprocess.run(
            [sys.executable, "-c", CONFIGURE, path],
            env=os.environ | {"ASHD_USESYSLOG": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        if there:
            record = daemon.recv(1000).rstrip(b"\0")
            facility_daemon, info = 3, 6
            assert record.startswith(b"<%d>ashd-wsgi[" % (facility_daemon * 8 + info))
            assert record.endswith(b"]: shop.cart: INFO: an item")
            assert done.stderr == ""
        else:
            assert "there is no syslog at" in done.stderr
            assert done.stderr.endswith("]: shop.cart: INFO: an item\n")


def test_without_the_variable_nothing_goes_to_syslog(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ASHD_USESYSLOG"}
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, tmp_path / "log"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(TIME + r" ashd-wsgi\[\d+\]: shop.cart: INFO: an item\n", done.stderr)


CHATTERING = """
import logging
logger = logging.getLogger("chatter")
def application(environ, start_response):
    number = environ["QUERY_STRING"]
    for _ in range(100):
        logger.info("start%sx%send", "=" * 3000, number)
        environ["wsgi.errors"].write(f"START{'=' * 300}x{number}END\\n")
    start_response("200 OK", [])
    return []
"""


@pytest.mark.parametrize("model", ["free", "pool"])
def test_lines_of_the_log_do_not_mix(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, CHATTERING), "app")
    with running(argv) as handler:
        clients = [handler.open(b"/?%d" % number) for number in range(8)]
        for client in clients:
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
    lines = handler.log.splitlines()
    assert len(lines) == 8 * 200
    pattern = re.compile(
        TIME + r" ashd-wsgi\[\d+\]: chatter: INFO: start={3000}x\dend|START={300}x\dEND"
    )
    assert [line for line in lines if not pattern.fullmatch(line)] == []


FAILING = """
def application(environ, start_response):
    raise ZeroDivisionError
"""


@each_model
def test_control_characters_of_urls_reach_no_terminal(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, FAILING), "app")
    with running(argv) as handler:
        url = b"/\x1b[2J\x9b1m\x7f\x08caf\xe9"
        read_all(handler.open(url, method=b"GET\x07"))
    assert "GET\\x07 /\\x1b[2J\\x9b1m\\x7f\\x08caf\\xe9: the application failed" in handler.log
    assert not set(handler.log) & set(map(chr, (*range(9), *range(14, 32), *range(127, 160))))
