"""What examples/pdm/ shows, under the servers that it names."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ashdtest.debugdaemon import run_command
from ashdtest.processes import DEADLINE, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "examples" / "pdm"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pdm") as name:
        yield Path(name)


@contextmanager
def running(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server with the examples at hand, until the end of the block."""
    environment = {
        **os.environ,
        "RUNTIME_DIRECTORY": str(folder),
        "PYTHONPATH": str(EXAMPLES),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        with process:
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                process.wait(DEADLINE)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def sockets(folder: Path, pattern: str, count: int) -> list[str]:
    def found() -> list[str]:
        paths = [str(path) for path in sorted(folder.glob(pattern))]
        return paths if len(paths) >= count else []

    try:
        return wait_until(found, what=f"{count} sockets")
    except AssertionError as exc:
        raise AssertionError(f"{exc}\n{(folder / 'log').read_text()}") from None


def output(*words: str) -> str:
    found = run_command(*words)
    assert found.stderr == ""
    return found.stdout


def page(port: int) -> str:
    def got() -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            return ""
        finally:
            connection.close()

    return wait_until(got)


def check_django(path: str) -> None:
    pid = output("repl", "-c", "import os; os.getpid()", path).strip()
    assert pid in path
    assert "wsgi" in output("repl", "-c", "import django_site; django_site.application", path)
    assert "MainThread" in output("threads", path)


def test_a_script(folder: Path) -> None:
    path = str(folder / "sock")
    with running(folder, str(EXAMPLES / "script.py"), path):
        sockets(folder, "sock", 1)
        assert json.loads(output("get", "-j", path, "__main__.counters"))["threads"] >= 2
        events = [
            json.loads(line)
            for line in output("watch", "-j", "-n", "4", path, "__main__.jobs").splitlines()
        ]
        assert {event["class"] for event in events} == {"StartEvent", "FinishEvent"}
        output("call", path, "__main__.control", "pause")
        output("call", path, "__main__.control", "go_on")
        assert "__main__.control" in output("ls", path)
        assert "main___counters_done" in output("metrics", "-a", "__main__.counters", path)


def test_django_under_waitress(folder: Path) -> None:
    pytest.importorskip("django")
    pytest.importorskip("waitress")
    port = free_port()
    with running(folder, "-m", "waitress", f"--listen=127.0.0.1:{port}", "django_site:application"):
        assert page(port).startswith("Django ")
        (path,) = sockets(folder, "debug-*.sock", 1)
        check_django(path)


def test_django_under_gunicorn(folder: Path) -> None:
    pytest.importorskip("django")
    pytest.importorskip("gunicorn")
    port = free_port()
    words = ("-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "django_site:application")
    with running(folder, *words):
        for path in sockets(folder, "debug-*.sock", 2):
            check_django(path)
        assert page(port).startswith("Django ")


def test_gunicorn_that_loads_the_site_before_its_workers(folder: Path) -> None:
    pytest.importorskip("django")
    pytest.importorskip("gunicorn")
    port = free_port()
    options = ("--preload", "-c", str(EXAMPLES / "gunicorn_conf.py"))
    words = ("-m", "gunicorn", *options, "-w", "2", "-b", f"127.0.0.1:{port}")
    with running(folder, *words, "django_site:application"):
        for path in sockets(folder, "worker-*.sock", 2):
            check_django(path)
        assert page(port).startswith("Django ")


def test_celery(folder: Path) -> None:
    pytest.importorskip("celery")
    words = ("-m", "celery", "-A", "celery_tasks", "worker", "--concurrency", "2")
    with running(folder, *words):
        paths = sockets(folder, "debug-*.sock", 3)
        send = "import celery_tasks; celery_tasks.add.delay(20, 22)"
        code = ["import celery_tasks; celery_tasks.app.main", "import os; os.getpid()"]
        for path in paths:
            found = output("repl", "-c", code[0], "-c", code[1], path).splitlines()
            assert found[0] == "'celery_tasks'"
            assert found[1] in path
        output("repl", "-c", send, paths[0])
        wait_until((folder / "added-42").exists, what="the task")
