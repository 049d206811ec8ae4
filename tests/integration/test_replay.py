"""Requests that `ashd-pdm requests` has recorded, and `ashd-pdm replay` sends again."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashd.pdm.command import main
from ashdtest.debugdaemon import run_command
from ashdtest.handlers import Handler
from ashdtest.outside import needs
from ashdtest.processes import program, python_environment, wait_until
from ashdtest.terminal import terminal
from ashdtest.wsgiprograms import workers, wsgi

APP = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    who = environ.get("HTTP_COOKIE", "nobody")
    if "HTTP_X_DEBUG" in environ:
        breakpoint()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_URI']} by {who}: {body.decode()}".encode()]
"""


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apps")
    (folder / "recorded_app.py").write_text(APP, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("pdm") / "debug.sock")


@pytest.fixture(scope="module")
def server(apps: Path, socket: str) -> Iterator[Handler]:
    with wsgi("recorded_app", "-m", socket, "-w", "2", apps=apps) as handler:
        wait_until(lambda: len(workers(handler)) == 2)
        yield handler


class Command:
    """The command `ashd-pdm`, run inside of the test's process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.said = ""

    def ask(self, *words: str, status: int = 0) -> str:
        """Return what it writes; `said` is what it complains about."""
        assert main(words) == status
        out, self.said = self._capsys.readouterr()
        return out

    def refuse(self, *words: str) -> str:
        """Return what it complains about, as it must."""
        assert self.ask(*words, status=1) == ""
        assert self.said.startswith("ashd-pdm: ")
        return self.said


@pytest.fixture
def pdm(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def save(folder: Path, **more: object) -> str:
    """Write a recorded request to a file."""
    saved = folder / "request.json"
    request = {"method": "GET", "url": "/here", "rest": "here", "headers": [], "whole": True}
    saved.write_text(json.dumps({**request, "body": None, **more}), encoding="utf-8")
    return str(saved)


def handler_of(apps: Path) -> list[str]:
    return ["--", program("ashd-wsgi"), "-p", str(apps), "-A", "recorded_app"]


def test_recorded_requests_of_all_workers_are_sent_again(
    server: Handler, socket: str, pdm: Command, apps: Path, tmp_path: Path
) -> None:
    assert "--record 100 switches that on" in pdm.refuse("requests", socket)
    assert "100" in pdm.ask("requests", socket, "--record", "100", "--bodies", "1000")
    headers = [(b"Host", b"a"), (b"Cookie", b"secret"), (b"X-Ash-Framing", b"certain, chunked")]
    for number in range(8):
        server.call(b"/%d" % number, method=b"POST", headers=headers, body="é".encode() * 10)
    wait_until(lambda: len(pdm.ask("requests", socket).splitlines()) == 9)
    last = pdm.ask("requests", socket).splitlines()[-1]
    assert last.endswith("POST /7")
    ident = last.split()[0]
    shown = pdm.ask("requests", socket, ident)
    assert shown.startswith("POST /7 HTTP/1.1\nHost: a\nCookie: REDACTED\n")
    assert "\n200 OK (in " in shown

    body = tmp_path / "body"
    pdm.ask("replay", socket, "-i", ident, "-o", str(body), *handler_of(apps))
    assert body.read_text(encoding="utf-8") == "/7 by REDACTED: éééééééééé"
    assert "masked: Cookie; " in pdm.said

    saved = tmp_path / "request.json"
    pdm.ask("requests", socket, ident, "-o", str(saved))
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert json.loads(pdm.ask("requests", socket, ident, "--json"))["url"] == "/7"
    assert "name its ID" in pdm.refuse("requests", socket, "-o", str(saved))
    body.write_text("mine", encoding="utf-8")
    own = ["-H", "Cookie: me", "-b", str(body)]
    sent = pdm.ask("replay", str(saved), *own, *handler_of(apps))
    assert sent.splitlines()[0] == "HTTP/1.1 200 OK"
    assert sent.endswith("\n\n/7 by me: mine\n")
    assert pdm.said == ""

    assert "there is no request 7" in pdm.refuse("replay", socket, "-i", "7", "--", "true")
    pdm.ask("requests", socket, "--stop")
    assert "--record 100 switches that on" in pdm.refuse("requests", socket)
    assert "--record 100 switches that on" in pdm.refuse("replay", socket, "--", "true")


def test_what_goes_wrong_is_said(pdm: Command, tmp_path: Path) -> None:
    saved = save(tmp_path, whole=False, headers=[["Content-Length", "3"]])
    silent = "import ashd.proto; ashd.proto.recv_request().close()"
    assert "the handler has sent no response" in pdm.refuse(
        "replay", saved, "--", sys.executable, "-c", silent
    )
    assert "is sent with 0 bytes: --body FILE sends another" in pdm.said
    assert "the handler is missing" in pdm.refuse("replay", saved)
    assert "can't be started" in pdm.refuse("replay", saved, "--", "/nonexistent")
    assert "NAME: VALUE, not 'Cookie'" in pdm.refuse("replay", saved, "-H", "Cookie", "--", "true")
    scgi = save(tmp_path, headers=[["SCGI", "1"]])
    assert "came over SCGI" in pdm.refuse("replay", scgi, "--", "true")
    assert "is not a recorded request" in pdm.refuse("replay", __file__, "--", "true")


def test_a_debugger_has_the_terminal(apps: Path, tmp_path: Path) -> None:
    needs("tmux")
    saved = save(tmp_path, headers=[["X-Debug", "1"]])
    with terminal(program("ashd-pdm"), "replay", saved, *handler_of(apps)) as screen:
        screen.await_text("(Pdb)")
        screen.type("C-c")  # the handler's own, and no end of the command
        screen.text("who = 'a debugger'")
        screen.type("Enter")
        screen.text("continue")
        screen.type("Enter")
        assert "/here by a debugger:" in screen.await_text("ended with 0")


def test_without_the_protocol_it_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys\nsys.modules['ashd.proto'] = sys.modules['ashd.util'] = None\n"
    environment = python_environment(tmp_path, hidden)
    done = run_command("replay", save(tmp_path), "--", "true", environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'ashd-pdm[replay]'" in done.stderr
