"""What the guides to applications and deployment tell to do, done."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from ashdtest import bound
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.outside import needs
from ashdtest.processes import children, free_port, wait_until

DOCS = Path(__file__).parents[2] / "docs" / "guides"
BIN = Path(sys.executable).parent
ENV = {**os.environ, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}

APPLICATIONS = (DOCS / "applications.md").read_text(encoding="utf-8")
SERVICE = DOCS.parents[1] / "examples/systemd/notes.service"


def files(text: str, kind: str) -> dict[str, str]:
    """Return the files that a page shows, by name."""
    return dict(
        re.findall(
            rf"^`([^`]+)`:\n(?:<!--[^\n]*-->\n)?```{kind}\n(.*?)```", text, re.DOTALL | re.MULTILINE
        )
    )


def handler_of(command: str) -> list[str]:
    """Return the part of a front end's command that is the handler's."""
    front, _, handler = command.partition(" -- ")
    assert "htparser" in front
    return shlex.split(handler)


def command_that_ends(ending: str) -> list[str]:
    """Return the words after `--bind ADDRESS` of a command on the page."""
    (words,) = re.findall(
        rf"^    ashd-wsgi --bind :8080 (.*{re.escape(ending)})$", APPLICATIONS, re.MULTILINE
    )
    return shlex.split(words)


@contextmanager
def serving(folder: Path, ending: str) -> Iterator[httpx.Client]:
    """Run a command of the page, on a free port."""
    address = f"127.0.0.1:{free_port()}"
    words = command_that_ends(ending)
    with (
        bound.serving("--bind", address, *words, cwd=folder, env=ENV),
        httpx.Client(base_url=f"http://{address}", follow_redirects=True, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the page's programs, as a reader would have saved them."""
    for name, source in files(APPLICATIONS, "python").items():
        (tmp_path / name).write_text(source, encoding="utf-8")
    return tmp_path


def test_plain_wsgi(folder: Path) -> None:
    with serving(folder, "hello:application") as client:
        assert client.get("/").text == "Hello from WSGI!\n"


def test_arguments(folder: Path) -> None:
    with serving(folder, "greeter Hello Ada Grace") as client:
        assert client.get("/").text == "Hello, Ada and Grace!\n"


def test_flask(folder: Path) -> None:
    with serving(folder, "notes:app") as client:
        assert client.get("/").text == "Hello from Flask! Notes: "
        client.post("/add", data={"text": "milk"})
        assert (
            client.post("/add", data={"text": "tea"}).text == "Hello from Flask! Notes: milk, tea"
        )


def test_flask_sock(folder: Path) -> None:
    with serving(folder, "chat:app") as client:
        address = str(client.base_url.copy_with(scheme="ws", path="/echo"))
        with connect(address, open_timeout=60) as websocket:
            websocket.send("hello")
            assert websocket.recv(60) == "hello"


def test_bottle(folder: Path) -> None:
    with serving(folder, "guestbook:application") as client:
        assert client.get("/hello/you").text == "Hello from Bottle, you!"


def test_django(tmp_path: Path) -> None:
    (start,) = re.findall(r"^    (django-admin startproject .*)$", APPLICATIONS, re.MULTILINE)
    subprocess.run(shlex.split(start), cwd=tmp_path, env=ENV, check=True)
    with serving(tmp_path, "mysite.wsgi:application") as client:
        assert "The install worked successfully!" in client.get("/").text


def unit() -> dict[str, str]:
    text = SERVICE.read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line[:25])


def workers(server: FrontEnd) -> list[int]:
    return children(server.handler_pid)


@needs("pkill")
def test_the_service(folder: Path) -> None:
    """What systemd would run, but for the paths; it reloads as systemd would make it."""
    handler = handler_of(unit()["ExecStart"])
    handler[0] = str(BIN / Path(handler[0]).name)
    handler[handler.index("-p") + 1] = str(folder)
    with front_end(handler, env=ENV) as server:
        assert httpx.get(server.url, timeout=60).text == "Hello from Flask! Notes: "
        old = wait_until(lambda: found if len(found := workers(server)) == 2 else [])
        source = folder / "notes.py"
        source.write_text(source.read_text().replace("Hello from Flask!", "Hello again!"))
        reload = unit()["ExecReload"].replace("$MAINPID", str(server.pid))
        subprocess.run(shlex.split(reload), check=True)
        wait_until(lambda: len(workers(server)) == 2 and not set(old) & set(workers(server)))
        assert httpx.get(server.url, timeout=60).text == "Hello again! Notes: "
        assert unit()["KillMode"] == "mixed"  # so that systemd stops it as it is stopped now
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
