"""Where log records of `ashd-wsgi` go."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.commands import command, module
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


@pytest.mark.parametrize("name", ["ashd-wsgi", "ashd-wsgi3"])
def test_the_log_goes_to_stderr(tmp_path: Path, name: str) -> None:
    with running(command("-Ap", module(tmp_path, TALKING), "app", name=name)) as handler:
        handler.call(b"/x")
    assert handler.log.splitlines() == [
        f"{name}: shop.cart: INFO: an item for /x",
        "said to wsgi.errors",
    ]


def test_logging_can_be_left_alone(tmp_path: Path) -> None:
    with running(command("-LAp", module(tmp_path, TALKING), "app")) as handler:
        assert handler.call().body == b"0 30"
    assert handler.log == "said to wsgi.errors\n"


CONFIGURE = """
import logging, sys
from ashd.wsgi._logs import configure_logging
configure_logging("ashd-wsgi", sys.argv[1])
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
            assert done.stderr.endswith("ashd-wsgi: shop.cart: INFO: an item\n")


def test_without_the_variable_nothing_goes_to_syslog(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ASHD_USESYSLOG"}
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, tmp_path / "log"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "ashd-wsgi: shop.cart: INFO: an item\n"


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
    pattern = re.compile(r"ashd-wsgi: chatter: INFO: start={3000}x\dend|START={300}x\dEND")
    assert [line for line in lines if not pattern.fullmatch(line)] == []
