"""The servers that an application is run behind, each at the same port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..outside import find
from ..processes import DEADLINE, program, wait_until
from ..scgisites import NGINX

FOLDER = Path(__file__).parents[3] / "compatibility"
"""Where `applications` is."""

Start = Callable[[str, int, ExitStack], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A way to serve `applications.NAME`."""

    name: str
    commands: Callable[[str, int, Path], Sequence[Sequence[str]]]
    """Make, of an application, a port and a folder, the commands of all its processes."""


def waitress() -> Server:
    def commands(application: str, port: int, _: Path) -> list[list[str]]:
        factory = f"applications.{application}:make"
        return [[program("waitress-serve"), f"--listen=127.0.0.1:{port}", "--call", factory]]

    return Server("waitress", commands)


def ours(model: str, workers: int = 0) -> Server:
    """Return `ashd-htparser` with `ashd-wsgi`."""

    def commands(application: str, port: int, _: Path) -> list[list[str]]:
        front = [program("ashd-htparser"), f"plain:port={port},bind=127.0.0.1", "--"]
        return [[*front, program("ashd-wsgi"), *_options(application, model, workers)]]

    return Server(f"ashd-wsgi -t {model}{f' -w {workers}' if workers else ''}", commands)


def scgi(model: str, workers: int = 0) -> Server:
    """Return nginx with `scgi-wsgi`."""

    def commands(application: str, port: int, folder: Path) -> list[list[str]]:
        address = f"unix:{folder}/scgi.sock"
        text = NGINX.format(folder=folder, port=port, address=address)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        options = _options(application, model, workers)
        return [
            [program("scgi-wsgi"), "--bind", f"{address},mode=666", *options],
            [find("nginx") or "nginx", "-c", f"{folder}/nginx.conf"],
        ]

    return Server(f"nginx and scgi-wsgi -t {model}{f' -w {workers}' if workers else ''}", commands)


def _options(application: str, model: str, workers: int) -> list[str]:
    several = ["-w", str(workers)] if workers else []
    return [*several, "-t", model, f"applications.{application}:make()"]


@contextmanager
def serving(server: Server, application: str, port: int, state: Path) -> Iterator[None]:
    """Run a server for the length of a block; show its log if that fails."""
    paths = os.pathsep.join([str(FOLDER), str(FOLDER.parent / "support")])
    env = {**os.environ, "PYTHONPATH": paths, "APPLICATION_STATE": str(state)}
    env["PYTHONHASHSEED"] = "0"  # sets have the same order in all of them
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # nginx changes its user
        processes = [
            stack.enter_context(_process(command, env, state, log.fileno()))
            for command in server.commands(application, port, folder)
        ]
        try:
            wait_until(lambda: _answers(port) or any(one.poll() is not None for one in processes))
            yield
            assert [one.poll() for one in processes] == [None] * len(processes), "it has ended"
        except BaseException:
            sys.stderr.write(os.pread(log.fileno(), 1 << 20, 0).decode("utf-8", "replace")[-20000:])
            raise


@contextmanager
def _process(
    command: Sequence[str], env: dict[str, str], cwd: Path, log: int
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
