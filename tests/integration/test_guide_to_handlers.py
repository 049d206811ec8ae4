"""The programs of the guide to handlers, as they stand there, under a front end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import FRONT_ENDS, FrontEnd, front_end

GUIDE = Path(__file__).parents[2] / "docs/guides/handlers.md"

HEADINGS = {
    "hello.py": "A handler",
    "notes.py": "Input, in several threads",
    "test_notes.py": "A test",
    "dispatch.py": "A dispatcher",
    "echo.py": "A handler that speaks another protocol",
}

WIKI = """
def application(env, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{env['SCRIPT_NAME']} {env['PATH_INFO']}".encode()]
"""


def example(heading: str) -> str:
    """Return the Python program under a heading."""
    text = GUIDE.read_text(encoding="utf-8")
    found = re.search(rf"^## {heading}\n.*?```python\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    assert found, f"no program under {heading!r}"
    return found[1]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with the examples, as a reader would have saved them."""
    for name, heading in HEADINGS.items():
        path = tmp_path / name
        path.write_text(example(heading), encoding="utf-8")
        path.chmod(0o755)
    (tmp_path / "wiki.py").write_text(WIKI, encoding="utf-8")
    return tmp_path


@pytest.fixture(params=FRONT_ENDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serving(program: str, folder: Path, name: str) -> Iterator[FrontEnd]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with front_end([program], name=name, cwd=folder, env={**os.environ, "PATH": path}) as server:
        yield server


@pytest.fixture
def hello(programs: Path, name: str) -> Iterator[FrontEnd]:
    yield from serving("./hello.py", programs, name)


@pytest.fixture
def notes(programs: Path, name: str) -> Iterator[FrontEnd]:
    yield from serving("./notes.py", programs, name)


def test_the_handler_that_takes_input(notes: FrontEnd) -> None:
    assert httpx.post(notes.url, json={"text": "milk"}).status_code == 201
    assert httpx.post(notes.url, content=b"{").status_code == 400
    assert httpx.get(notes.url).json() == [{"text": "milk"}]
    assert "Traceback" not in notes.log


def test_the_test_of_it(programs: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_notes.py"]
    done = subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def dispatcher(programs: Path, name: str) -> Iterator[FrontEnd]:
    yield from serving("./dispatch.py", programs, name)


def test_the_handler(hello: FrontEnd) -> None:
    assert httpx.get(f"{hello.url}/").text == "Hello, world!\n"
    response = httpx.get(f"{hello.url}/reader?x=y")
    assert response.text == "Hello, reader!\n"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Traceback" not in hello.log


def test_the_dispatcher_strips_a_prefix_and_passes_requests_on(dispatcher: FrontEnd) -> None:
    assert httpx.get(f"{dispatcher.url}/hello/reader").text == "Hello, reader!\n"
    assert httpx.get(f"{dispatcher.url}/wiki/a/b").text == "/wiki /a/b"
    response = httpx.get(f"{dispatcher.url}/elsewhere")
    assert (response.status_code, response.text) == (404, "No such thing here.\n")
    assert httpx.get(f"{dispatcher.url}/hello/again").text == "Hello, again!\n"
    assert "Traceback" not in dispatcher.log


@pytest.fixture
def echo(programs: Path, name: str) -> Iterator[FrontEnd]:
    yield from serving("./echo.py", programs, name)


def test_the_handler_that_speaks_another_protocol(echo: FrontEnd) -> None:
    assert httpx.get(echo.url).status_code == 400
    with Client(echo.connect()) as client:
        client.send(request("/", "Upgrade: echo", "Connection: Upgrade"))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert client.send(b"hello").exactly(5) == b"hello"
    assert "Traceback" not in echo.log


def test_the_handler_is_ten_lines() -> None:
    lines = [line for line in example("A handler").splitlines() if line.strip()]
    assert len(lines) <= 10
