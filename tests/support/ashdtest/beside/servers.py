"""The servers that an application is run behind, each at the same port."""

from __future__ import annotations

import os
import re
import signal
import socket
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
    socket: str = ""
    """A Unix socket in the folder that must take connections before requests are sent."""


def waitress() -> Server:
    def commands(application: str, port: int, _: Path) -> list[list[str]]:
        factory = f"applications.{application}:make"
        return [[program("waitress-serve"), f"--listen=127.0.0.1:{port}", "--call", factory]]

    return Server("waitress", commands)


def ours(model: str, *options: str) -> Server:
    """Return `ashd-htparser` with `ashd-wsgi`."""

    def commands(application: str, port: int, _: Path) -> list[list[str]]:
        front = [program("ashd-htparser"), f"plain:port={port},bind=127.0.0.1", "--"]
        return [[*front, program("ashd-wsgi"), *_words(application, model, options)]]

    return Server(" ".join(["ashd-wsgi -t", model, *options]), commands)


def scgi(model: str, *options: str) -> Server:
    """Return nginx with `scgi-wsgi`."""

    def commands(application: str, port: int, folder: Path) -> list[list[str]]:
        address = f"unix:{folder}/scgi.sock"
        text = NGINX.replace("/etc/nginx/scgi_params", f"{folder}/scgi_params")
        text = text.format(folder=folder, port=port, address=address)
        # Debian's leave the port out of HTTP_HOST; the relay has another one than nginx.
        given = Path("/etc/nginx/scgi_params").read_text(encoding="utf-8")
        parameters = re.sub(r"(HTTP_HOST\s+)\$host;", r"\1$http_host;", given)
        (folder / "scgi_params").write_text(parameters, encoding="utf-8")
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        words = _words(application, model, options)
        return [
            [program("scgi-wsgi"), "--bind", f"{address},mode=666", *words],
            [find("nginx") or "nginx", "-c", f"{folder}/nginx.conf"],
        ]

    return Server(" ".join(["nginx and scgi-wsgi -t", model, *options]), commands, "scgi.sock")


def _words(application: str, model: str, options: Sequence[str]) -> list[str]:
    return [*options, "-t", model, f"applications.{application}:make()"]


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
            wait_until(
                lambda: (
                    (_answers(port) and (not server.socket or _takes(folder / server.socket)))
                    or any(one.poll() is not None for one in processes)
                )
            )
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
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _takes(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
