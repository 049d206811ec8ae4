"""`ashd-wsgi --bind`: one command that serves HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from ashdtest.authority import Authority
from ashdtest.bound import serving
from ashdtest.commands import attempt, module
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, children, free_port, program, wait_until
from ashdtest.terminal import terminal
from ashdtest.wsgifiles import put

SHOW = """
import json

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    plain = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps(plain).encode()]
"""


def environ(
    url: str, path: Path | None = None, context: ssl.SSLContext | None = None
) -> dict[str, Any]:
    """Return the environ of a request to `url`, over a Unix socket if `path` names one."""
    transport = httpx.HTTPTransport(uds=str(path) if path else None, verify=context or True)
    with httpx.Client(transport=transport, timeout=DEADLINE) as client:
        return dict(json.loads(client.get(url).text))


def test_all_kinds_of_addresses(tmp_path: Path) -> None:
    folder = module(tmp_path, SHOW)
    path = tmp_path / "socket"
    authority = Authority(tmp_path)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        fd, inherited = listener.fileno(), listener.getsockname()[1]
        v4, v6, every, spec = (free_port() for _ in range(4))
        addresses = [
            f"127.0.0.1:{v4}",
            f"[::1]:{v6}",
            f":{every}",
            f"unix:{path},mode=600",
            f"fd://{fd}",
            f"plain:port={spec},bind=localhost",
            f"ssl:unix={tmp_path}/tls,cert={authority.certificate('a.example')}",
        ]
        words = [word for address in addresses for word in ("--bind", address)]
        options = ["-w", "2", "--model=single"]
        server = stack.enter_context(
            serving(*words, *options, "app:application", cwd=folder, pass_fds=[fd])
        )
        for url in (
            f"http://127.0.0.1:{v4}/a",
            f"http://[::1]:{v6}/a",
            f"http://127.0.0.1:{every}/a",
            f"http://[::1]:{every}/a",
            f"http://127.0.0.1:{inherited}/a",
            f"http://127.0.0.1:{spec}/a",
        ):
            found = environ(url)
            assert (found["PATH_INFO"], found["REMOTE_ADDR"] in url) == ("/a", True), url
            assert found["SERVER_PORT"] in url
        for scheme, port, socket_path in (("http", "80", path), ("https", "443", tmp_path / "tls")):
            found = environ(f"{scheme}://a.example/b?c", socket_path, authority.context)
            assert found["SERVER_NAME"] == "a.example"
            assert found["SERVER_PORT"] == port
            assert found["wsgi.url_scheme"] == scheme
            assert found.keys().isdisjoint({"REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR"})

        # one line that says all, and the processes are those that the documents speak of
        (line,) = [line for line in server.log.splitlines() if "listening on" in line]
        for text in (f"127.0.0.1:{v4}, ", f"[::1]:{v6}, ", f"[::]:{every}, ", f"unix:{path}, "):
            assert text in line
        assert line.endswith(" (app:application, model single, 2 workers)")
        front = server.command(server.process.pid)
        assert f"plain:unix={path},mode=600" in front
        (handler,) = children(server.process.pid)
        assert front[front.index("--") + 1 :] == server.command(handler)
        assert server.command(handler)[-3:] == ["--workers=2", "--model=single", "app:application"]
    assert not path.exists()


def test_options_of_the_front_end(tmp_path: Path) -> None:
    folder = module(tmp_path, SHOW)
    url = f"http://127.0.0.1:{(port := free_port())}/a"
    words = ["--bind", f"127.0.0.1:{port}", "--front-end", "--access-log '{log}' --processes=2"]
    words[-1] = words[-1].format(log=tmp_path / "access log")
    with serving(*words, "-t", "single", "app:application", cwd=folder) as server:
        assert environ(url)["PATH_INFO"] == "/a"
        wait_until(lambda: '"GET /a HTTP/1.1" 200' in (tmp_path / "access log").read_text())
        assert len(children(server.process.pid)) == 3


def test_logs_are_those_of_the_front_end(tmp_path: Path) -> None:
    """SIGUSR1 to the command opens its access log anew; refused requests are in it."""
    module(tmp_path, SHOW + "import warnings\nwarnings.warn('be careful')\n")
    module(tmp_path, "raise ValueError('a\\nb')", "broken")
    path, log, old = (tmp_path / name for name in ("s", "log", "old"))
    config = tmp_path / "options.toml"
    config.write_text('access-log = "log"\nrequest-id = true\n', encoding="utf-8")
    form = "--access-log-format={status} {request_id}"
    words = ["--config", str(config), "--log-format=json", form, f"--bind=unix:{path},mode=600"]
    transport = httpx.HTTPTransport(uds=str(path))
    with serving(*words, "app:application", cwd=tmp_path) as server:
        with httpx.Client(transport=transport, timeout=DEADLINE) as client:
            answer = client.get("http://a/", headers={"X-Request-ID": "given"})
            assert answer.json()["HTTP_X_ASH_REQUEST_ID"] == "given"
            assert client.request("CONNECT", "http://a/").status_code == 501
            wait_until(lambda: len(log.read_text().splitlines()) == 2)
            log.rename(old)
            server.process.send_signal(signal.SIGUSR1)
            wait_until(log.exists)
        programs = {json.loads(line)["program"] for line in server.log.splitlines()}
        assert programs == {"ashd-htparser", "ashd-wsgi"}
    assert [line.split()[0] for line in old.read_text().splitlines()] == ["200", "501"]
    assert old.read_text().startswith("200 given\n")
    done = attempt(
        [program("ashd-wsgi"), *words, "broken:app"], cwd=tmp_path, stdin=subprocess.DEVNULL
    )
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert records[1]["message"] == "the import of broken failed: ValueError: a\nb"
    assert records[1]["exception"].endswith("\nValueError: a\nb")
    assert "_load.py" not in records[1]["exception"]
    assert records[-1]["message"].startswith("the root handler ended with status 1 before it")


def test_a_module_alone_and_the_forms_that_are_not_new(tmp_path: Path) -> None:
    module(tmp_path, SHOW)
    module(tmp_path, SHOW.replace("application(", "app("), "other")
    module(
        tmp_path, "from app import application\ndef wmain(*args): return application", "with_main"
    )
    config = tmp_path / "options.toml"
    config.write_text(f'bind = "unix:{tmp_path}/s"\n', encoding="utf-8")
    for words, ending in (
        (("app",), "app:"),
        (("other",), "other:"),
        (("-Ap.", "app"), "app"),
        (("-p.", "with_main", "-x"), "-x"),
    ):
        with serving("--config", str(config), *words, cwd=tmp_path) as server:
            assert server.command(server.process.pid)[-1] == ending
            assert environ("http://a/", tmp_path / "s")["PATH_INFO"] == "/"


def test_where_the_front_end_is_not_beside_this_program(tmp_path: Path) -> None:
    """As in a zip file, or with nothing but a path; and where the working directory has traps."""
    module(tmp_path, SHOW)
    module(
        tmp_path, "raise SystemExit('a module of the working directory was imported')", "asyncio"
    )
    python = tmp_path / "python"
    python.symlink_to(Path(sys.executable).resolve())
    folders = [str(folder) for part in ("wsgi", "htparser") for folder in [source(part)]]
    env = {"PYTHONPATH": os.pathsep.join(folders)}
    argv = [str(python), "-m", "ashd.wsgi"]
    bind = f"--bind=unix:{tmp_path}/s"
    with serving(bind, "-p", "/nowhere", "app", cwd=tmp_path, env=env, argv=argv) as server:
        assert server.command(server.process.pid)[1:4] == ["-P", "-m", "ashd.htparser"]
        assert environ("http://a/", tmp_path / "s")["PATH_INFO"] == "/"


def source(part: str) -> Path:
    """Return the folder from which a part of the namespace is imported."""
    found = import_module(f"ashd.{part}").__file__
    assert found
    return Path(found).parents[2]


def test_what_can_not_be_served(tmp_path: Path) -> None:
    module(tmp_path, SHOW)
    for words, told in (
        (("--bind=nonsense", "app"), "--bind nonsense: give HOST:PORT"),
        (("--bind=plain:port=x", "app"), "ashd-htparser: plain: port must be a number"),
        (("--bind=ftp:port=1", "app"), "there is no port handler 'ftp'"),
        (("--bind=fd://99", "app"), "can't listen on descriptor 99"),
        (("--bind=:0", "app:application()"), "application() missing 2 required positional"),
        (("--bind=:0", "app:nothing"), "ashd-wsgi: app has no 'nothing' (it has application)"),
        (("--bind=:0", "-t", "nonsense", "app"), "there is no model 'nonsense'"),
    ):
        done = subprocess.run(
            [program("ashd-wsgi"), *words],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode in (1, 2)
        assert told in done.stderr


@needs("tmux")
def test_in_a_terminal(tmp_path: Path) -> None:
    """Without `--bind` it says how to serve; with it, Ctrl-C ends everything in order."""
    module(tmp_path, SHOW)
    start = program("ashd-wsgi")
    with terminal("env", "-C", str(tmp_path), start, "app:application", columns=200) as screen:
        shown = screen.await_text("ended with 1")
        assert "ashd-wsgi --bind :8080 app:application" in shown
    bind = f"--bind=127.0.0.1:{free_port()}"
    with terminal("env", "-C", str(tmp_path), start, bind, "app", columns=200) as screen:
        screen.await_text("listening on")
        screen.type("C-c")
        assert "Traceback" not in screen.await_text("ended with 0")


def test_closed_standard_streams(tmp_path: Path) -> None:
    module(tmp_path, SHOW)
    path = tmp_path / "s"
    closing = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    argv = [*closing, program("ashd-wsgi"), f"--bind=unix:{path}", "app"]
    with subprocess.Popen(argv, cwd=tmp_path) as process:
        try:
            wait_until(lambda: path.exists() or process.poll() is not None)
            assert environ("http://a/", path)["PATH_INFO"] == "/"
        finally:
            process.terminate()
    assert process.returncode == 0


BEFORE = "import json, helper\n" + SHOW.replace("plain = {", "plain = {'text': helper.TEXT} | {")


@pytest.mark.parametrize("watcher", ["watchfiles", "stat"])
def test_reload(tmp_path: Path, watcher: str) -> None:
    """Through a module that can't be imported, one that is missing, and back."""
    env = {}
    if watcher == "watchfiles":
        pytest.importorskip("watchfiles")
    else:
        env = with_watchfiles(tmp_path, "def watch(*folders, **options): raise OSError('too many')")
    folder = module(tmp_path / "app", BEFORE)
    helper, path = folder / "helper.py", tmp_path / "s"

    def page(accept: str = "*/*") -> httpx.Response:
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, timeout=DEADLINE) as client:
            return client.get("http://a/", headers={"Accept": accept})

    def shows(text: str) -> bool:
        return text in page().text

    put(helper, "TEXT = 'one'")
    words = ["--reload", f"--bind=unix:{path}", "app:application"]
    with serving(*words, cwd=folder, env=env) as server:
        assert page().json()["text"] == "one"
        put(helper, "TEXT = 'two'")
        wait_until(lambda: shows('"text": "two"'))
        assert f"reloading: {helper} has changed" in server.log

        put(helper, "TEXT = '<three>")
        wait_until(lambda: shows("SyntaxError: unterminated string literal"))
        shown = page("text/html,*/*")
        assert shown.status_code == 500
        assert shown.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "&lt;three&gt;" in shown.text
        assert "&lt;three&gt;" not in page().text
        assert "_bytecode" not in shown.text
        assert "the import of app failed: SyntaxError" in server.log

        put(helper, "def TEXT(): pass\nTEXT = property(TEXT)")
        wait_until(lambda: shows("TypeError: Object of type property is not JSON serializable"))
        assert page().text.startswith("The application failed.\n\nTraceback")
        assert "GET /: the application failed" in server.log

        helper.unlink()
        wait_until(lambda: shows("No module named 'helper'"))
        put(helper, "TEXT = 'four'")
        wait_until(lambda: shows('"text": "four"'))
        assert ("watchfiles doesn't work, and isn't used: too many" in server.log) == bool(env)


def with_watchfiles(folder: Path, source: str) -> dict[str, str]:
    """Return an environment in which `watchfiles` is something else."""
    hidden = module(folder / "hidden", source, "watchfiles")
    return {"PYTHONPATH": os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])}


STREAM = """
import time
WORD = b"one"

def app(environ, start_response):
    start_response("200 OK", [])
    yield WORD
    while environ["PATH_INFO"] == "/stream":
        time.sleep(0.01)
        yield b"."
"""


def test_a_stream_does_not_hold_a_reload_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    module(tmp_path, STREAM)
    words = ["--reload", "--graceful-timeout=0.1", f"--bind=unix:{path}", "app"]
    transport = httpx.HTTPTransport(uds=str(path))
    with (
        serving(*words, cwd=tmp_path) as server,
        httpx.Client(transport=transport, timeout=DEADLINE) as client,
        client.stream("GET", "http://a/stream") as response,
    ):
        pieces = response.iter_bytes()
        assert next(pieces).startswith(b"one")
        put(tmp_path / "app.py", STREAM.replace("one", "two"))
        with pytest.raises(httpx.RemoteProtocolError):  # cut, and so it can't be taken for whole
            list(pieces)
        assert client.get("http://a/").text == "two"
        assert "requests that are still running are cut" in server.log


def test_a_first_start_that_fails_is_shown_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "s"
    env = with_watchfiles(tmp_path, "raise ImportError")
    words = ["--reload", "-l", "5", f"--bind=unix:{path}", "late"]
    with serving(*words, cwd=tmp_path, env=env) as server:
        assert server.log.count("WARNING") == 1  # of -l
        assert "there is no module 'late'" in server.log
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, timeout=DEADLINE) as client:
            assert "there is no module" in client.get("http://a/").text
            (tmp_path / "namespace").mkdir()
            put(tmp_path / "late.py", "import namespace.part\n" + SHOW)
            wait_until(lambda: "No module named 'namespace.part'" in client.get("http://a/").text)
            put(tmp_path / "namespace" / "part.py", "")
            wait_until(lambda: client.get("http://a/").status_code == 200)
