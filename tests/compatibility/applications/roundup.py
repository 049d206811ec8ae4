"""Roundup: its classic tracker, with forms, files, and REST."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.exchange import Exchange
    from ashdtest.beside.visitor import Visitor

NAME = "Roundup"
DISTRIBUTION = "roundup"
VARIES = [
    rb"(?<=roundup_session_Tracker=)[^;]+",
    rb'(?<=@csrf" value=")[^"]+',
    rb'(?<=@csrf" type="hidden")\s+value="[^"]+"',
    rb"(?<=\")\w+-2552-\w+",
    rb"\d{4}-\d\d-\d\d[ .]\d\d:\d\d(:\d\d)?",
    rb'(?<=nonce=")\w+',
    rb"(?<=nonce-)\w+",
    rb"(?<=<!-- )[^>]+(?= -->)",
]


def make() -> Any:
    from roundup.cgi.wsgi_handler import RequestDispatcher

    return RequestDispatcher(str(Path(os.environ["APPLICATION_STATE"]) / "tracker"))


def prepare(state: Path) -> None:
    tracker = state / "tracker"
    admin = [str(Path(sys.executable).parent / "roundup-admin"), "-i", str(tracker)]
    settings = "rdbms_backend=sqlite,tracker_web=http://127.0.0.1/,mail_domain=example.org"
    settings += ",mail_host=127.0.0.1,tracker_name=Tracker"
    install = ["install", "classic", "sqlite", settings]
    for words in (install, ["initialise", "only-for-tests"]):
        subprocess.run([*admin, *words], check=True, stdout=subprocess.DEVNULL)
    configuration = tracker / "config.ini"
    before, mail, after = configuration.read_text().partition("\n[mail]\n")
    after = after.replace("\ndebug =", f"\ndebug = {state}/mail", 1)
    configuration.write_text(before + mail + after)


def token(page: Exchange) -> str:
    """Return what the last form of a page has against forged requests."""
    import re

    found = re.findall(r'name="@csrf"[^>]*value="([^"]+)"', page.text)
    found += re.findall(r'value="([^"]+)"[^>]*name="@csrf"', page.text)
    return str(found[0]) if found else ""


def visit(visitor: Visitor) -> None:
    home = f"Referer: http://{visitor.host}/"
    page = visitor.get("/")
    visitor.get("/@@file/style.css")
    style = visitor.get("/@@file/style.css", "Accept-Encoding: gzip")
    visitor.get("/@@file/style.css", f"If-Modified-Since: {style.header('Last-Modified')}")
    visitor.head("/@@file/style.css")
    visitor.get("/@@file/nothing")
    visitor.get("/issue")
    visitor.get("/nowhere")
    login = {"__login_name": "admin", "@action": "Login", "@csrf": token(page)}
    visitor.post("/", {**login, "__login_password": "wrong"}, home)
    visitor.post("/", {**login, "__login_password": "only-for-tests"}, home)
    visitor.get("/")
    form = visitor.get("/issue?@template=item")
    fields = {
        "title": "It breaks, Zoë",
        "@note": "What I did:\r\n" * 100,
        "priority": "1",
        "@action": "new",
        "@csrf": token(form),
        "@required": "title",
        "@template": "item",
    }
    files = {"@file": ("log é.bin", bytes(range(256)) * 20_000)}
    visitor.upload("/issue", fields, files, home)
    visitor.get("/issue1")
    visitor.get("/issue")
    visitor.get("/file1/log")
    visitor.get("/file1/log", "Range: bytes=0-9")
    visitor.head("/file1/log")
    visitor.get("/msg1")
    visitor.get("/issue?@columns=id,title&@sort=-activity&@action=export_csv")
    visitor.get("/user2?@template=item")
    rest = ("X-Requested-With: rest", home, f"Origin: http://{visitor.host}")
    visitor.get("/rest/")
    visitor.get("/rest/data/issue", *rest)
    visitor.get("/rest/data/issue/1", *rest)
    made = b'{"title": "by REST", "priority": "1"}'
    kind = "Content-Type: application/json"
    visitor.ask("POST", "/rest/data/issue", kind, *rest, body=made)
    visitor.ask("OPTIONS", "/rest/data/issue", *rest)
    visitor.ask("DELETE", "/rest/data/issue/1", *rest)
    visitor.get("/?@action=logout")
    visitor.get("/")
