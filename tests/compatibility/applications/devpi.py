"""devpi: its own client makes an index and uploads a package, pip installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "devpi"
DISTRIBUTION = "devpi-server"
SHARED = False
VARIES = [
    rb"(?<=X-Devpi-Auth: )\S+",
    rb'(?<="password": ")[^\n]+',
    rb"\d{10}\.\d+",
    rb'(?<="counter",)\s+\d+',
    rb'(?<="last-modified": ")[^"]+',
    rb"\d{4}(,\s+\d\d?){5}",
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?",
    rb"[0-9a-f]{32}",
]


def make() -> Any:
    from devpi_server.config import get_pluginmanager, parseoptions
    from devpi_server.main import xom_from_config

    folder = str(Path(os.environ["APPLICATION_STATE"]) / "server")
    words = ["devpi-server", "--serverdir", folder, "--offline-mode"]
    xom = xom_from_config(parseoptions(get_pluginmanager(), words))
    application = xom.create_app()
    xom.thread_pool.start()
    return application


def prepare(state: Path) -> None:
    from ashdtest.beside.wheel import make_wheel

    make_wheel(state)
    command = [str(Path(sys.executable).parent / "devpi-init")]
    words = ["--serverdir", str(state / "server"), "--root-passwd", "root", "--no-root-pypi"]
    subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)


def visit(visitor: Visitor) -> None:
    from ashdtest.beside.wheel import WHEEL

    url, python = visitor.relay.url, sys.executable
    devpi = str(Path(python).parent / "devpi")
    env = {"HOME": str(visitor.state), "DEVPI_CLIENTDIR": str(visitor.state / "client")}
    visitor.get("/")
    visitor.get("/+api")
    visitor.get("/+status")
    for words in (
        f"use {url}",
        "user -c ann password=secret email=ann@example.org",
        "login ann --password=secret",
        "index -c dev bases= volatile=True",
        "use ann/dev",
        f"upload {WHEEL}",
        "list small-thing",
        "index dev",
        "user -l",
    ):
        visitor.run(devpi, *words.split(), env=env)
    pip = (python, "-m", "pip", "--isolated", "--disable-pip-version-check", "download")
    index = ("--no-cache-dir", "--index-url", f"{url}/ann/dev/+simple/")
    visitor.run(*pip, *index, "--progress-bar", "off", "--no-deps", "-d", "got", "small-thing")
    assert (visitor.state / "got" / WHEEL).read_bytes() == (visitor.state / WHEEL).read_bytes()
    page = visitor.get("/ann/dev/+simple/small-thing/")
    place = "/ann/dev/" + page.find(r'href="\.\./\.\./([^"#]+)')
    visitor.get(place, "Range: bytes=0-9")
    visitor.head(place)
    visitor.get("/ann/dev/+simple/small_thing")
    visitor.get("/ann/dev/small-thing", "Accept: application/json")
    visitor.get("/nobody/dev/+simple/")
    visitor.ask("PUT", "/eve", "Content-Type: application/json", body=b"{}")
    visitor.run(devpi, *["remove", "-y", "small-thing"], env=env)
    visitor.run(devpi, *["index", "--delete", "-y", "dev"], env=env)
