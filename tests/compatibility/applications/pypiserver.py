"""pypiserver: twine uploads a package, pip downloads it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "pypiserver"
DISTRIBUTION = "pypiserver"
VARIES = [rb"\d+\.\d+ [kM]B/s", rb"eta 0:\d\d:\d\d", rb"\d\d:\d\d:\d\d"]


def make() -> Any:
    import pypiserver

    packages = Path(os.environ["APPLICATION_STATE"]) / "packages"
    packages.mkdir(exist_ok=True)
    return pypiserver.app(
        roots=[packages], password_file=".", authenticate=[], disable_fallback=True
    )


def prepare(state: Path) -> None:
    from ashdtest.beside.wheel import make_wheel

    make_wheel(state)


def visit(visitor: Visitor) -> None:
    from ashdtest.beside.wheel import WHEEL

    url, python = visitor.relay.url, sys.executable
    visitor.get("/")
    visitor.get("/simple")
    visitor.get("/simple/")
    visitor.get("/simple/small-thing/")
    twine = (python, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar")
    login = ("-u", "user", "-p", "word", "--repository-url", f"{url}/")
    visitor.run(*twine, *login, WHEEL)
    visitor.run(*twine, *login, WHEEL)
    index = ("--no-cache-dir", "--index-url", f"{url}/simple/")
    pip = (python, "-m", "pip", "--isolated", "--disable-pip-version-check")
    quiet = ("--progress-bar", "off", "--no-deps")
    visitor.run(*pip, "download", *index, *quiet, "-d", "got", "small-thing")
    visitor.run(*pip, "download", *index, *quiet, "-d", "got", "other-thing")
    got = visitor.state / "got" / WHEEL
    assert got.read_bytes() == (visitor.state / WHEEL).read_bytes()
    visitor.get("/simple/Small.Thing/")
    visitor.get("/simple/small-thing/", "Accept: application/vnd.pypi.simple.v1+json")
    visitor.get("/packages/")
    visitor.get(f"/packages/{WHEEL}", "Range: bytes=0-99")
    visitor.head(f"/packages/{WHEEL}")
    visitor.ask("GET", f"/packages/{WHEEL}", version="HTTP/1.0")
    visitor.get("/packages/nothing.whl")
    visitor.get("/health")
    visitor.post("/", {":action": "nothing"})
    call = b"<?xml version='1.0'?><methodCall><methodName>search</methodName></methodCall>"
    visitor.ask("POST", "/RPC2", "Content-Type: text/xml", body=call)
