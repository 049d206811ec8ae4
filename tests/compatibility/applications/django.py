"""Django: the project `notesite`, with its admin, and static files by WhiteNoise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.exchange import Exchange
    from ashdtest.beside.visitor import Visitor

NAME = "Django with WhiteNoise"
DISTRIBUTION = "django"
VARIES = [
    rb'(?<=csrfmiddlewaretoken" value=")\w+',
    rb"(?<=csrftoken=)\w+",
    rb"(?<=sessionid=)\w+",
    rb"(?<=messages=)[^;]+",
    rb"\d\d?(:\d\d)? [ap]\.m\.",
    rb"\d\d:\d\d:\d\d",
]


def make() -> Any:
    os.environ["DJANGO_SETTINGS_MODULE"] = "notesite.settings"
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def prepare(state: Path) -> None:
    paths = str(Path(__file__).parents[1])
    env = {
        **os.environ,
        "PYTHONPATH": paths,
        "APPLICATION_STATE": str(state),
        "DJANGO_SETTINGS_MODULE": "notesite.settings",
        "DJANGO_SUPERUSER_PASSWORD": "only for tests",
    }
    for words in (
        "migrate --run-syncdb",
        "createsuperuser --noinput --username boss --email boss@example.org",
        "collectstatic --noinput",
    ):
        command = [sys.executable, "-m", "django", *words.split()]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)


def token(page: Exchange) -> dict[str, str]:
    """Return the field against forged requests that a page's form has."""
    found = page.find(r'name="csrfmiddlewaretoken" value="([^"]+)"')
    return {"csrfmiddlewaretoken": found}


def visit(visitor: Visitor) -> None:
    views(visitor)
    uploads(visitor)
    files(visitor)
    static(visitor)
    admin(visitor)


def views(visitor: Visitor) -> None:
    visitor.get("/")
    visitor.head("/")
    visitor.get("/?q=%C3%A9&x=a+b")
    visitor.get("/echo/?q=%C3%A9&q=2", "Cookie: a=b; c=d")
    visitor.post("/echo/", {"name": "Zoë", "text": "a & b\r\nc"})
    visitor.ask("POST", "/echo/", "Content-Type: application/json", body=b'{"a": 1}')
    visitor.ask("POST", "/echo/", body=[b"in ", b"chunks"])
    visitor.expect("POST", "/echo/", body=b"after 100")
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"):
        visitor.ask(method, "/echo/")
    visitor.get("/echo")
    visitor.get("/nowhere/%C3%A9%20?a=b")
    visitor.get("/forbidden/")
    visitor.get("/broken/")
    visitor.ask("GET", "/upload/")
    visitor.get("/", "Host: evil.example.org")
    for _ in range(3):
        visitor.get("/count/")
    visitor.other().get("/count/")
    visitor.get("/stream/")
    visitor.head("/stream/")
    visitor.get("/stream/", "Accept-Encoding: gzip")
    visitor.ask("GET", "/stream/", version="HTTP/1.0")
    visitor.get("/broken-stream/")
    first = visitor.get("/large/3000000/")
    visitor.get("/large/3000000/", f"If-None-Match: {first.header('ETag')}")
    visitor.get("/large/30000/", "Accept-Encoding: gzip")
    visitor.head("/large/30000/", "Accept-Encoding: gzip")
    visitor.ask("GET", "/large/30000/", "Connection: keep-alive", version="HTTP/1.0")
    visitor.ask("GET", "/large/30000/", "Connection: close")


def uploads(visitor: Visitor) -> None:
    large = bytes(range(256)) * 20_000
    visitor.upload("/upload/", {"a": "ä"}, {"small": ("é.txt", b"x"), "large": ("b", large)})
    visitor.upload("/upload/", {}, {"empty": ("empty", b"")})
    visitor.expect("PUT", "/upload/", body=large)
    visitor.ask("POST", "/upload/", "Content-Type: multipart/form-data; boundary=x", body=b"odd")
    visitor.ask("POST", "/echo/", body=bytes(11_000_000))


def files(visitor: Visitor) -> None:
    visitor.get("/file/")
    visitor.head("/file/")
    visitor.get("/file/?memory")
    visitor.get("/file/", "Range: bytes=10-19")
    visitor.ask("GET", "/file/", version="HTTP/1.0")


def static(visitor: Visitor) -> None:
    page = visitor.get("/admin/login/")
    style = page.find(r'href="(/static/admin/css/base\.[0-9a-f]+\.css)"')
    plain = visitor.get(style)
    visitor.get(style, "Accept-Encoding: gzip")
    visitor.head(style)
    visitor.head(style, "Accept-Encoding: gzip, br")
    visitor.get(style, f"If-None-Match: {plain.header('ETag')}")
    visitor.get(style, f"If-Modified-Since: {plain.header('Last-Modified')}")
    for span in ("0-9", "100-", "-50", "1000000-", "5-1"):
        visitor.get(style, f"Range: bytes={span}")
    visitor.get(style, "Range: bytes=0-9", "Accept-Encoding: gzip")
    visitor.ask("POST", style, body=b"x")
    visitor.ask("OPTIONS", style)
    visitor.get("/static/admin/nothing.css")
    visitor.get("/static/../settings.py")


def admin(visitor: Visitor) -> None:
    page = visitor.follow(visitor.get("/admin/"))
    visitor.post("/admin/login/", {"username": "boss", "password": "only for tests"})
    fields = {"username": "boss", "next": "/admin/", **token(page)}
    visitor.post("/admin/login/", {**fields, "password": "wrong"})
    entered = visitor.post("/admin/login/?next=/admin/", {**fields, "password": "only for tests"})
    visitor.follow(entered)
    form = visitor.get("/admin/notesite/note/add/")
    texts = {"title": "Buy <milk> & café", "text": "line\r\n" * 1000, **token(form)}
    paper = {"paper": ("paper.pdf", bytes(range(256)) * 20_000)}
    added = visitor.upload("/admin/notesite/note/add/", {**texts, "_save": "Save"}, paper)
    listed = visitor.follow(added)
    note = listed.find(r'href="(/admin/notesite/note/\d+/change/)')
    change = visitor.get(note)
    place = change.find(r'href="(/media/papers/[^"]+)"')
    kept = visitor.get(place)
    visitor.get(place, f"If-Modified-Since: {kept.header('Last-Modified')}")
    visitor.head(place)
    visitor.post(note, {"title": "", "text": "", **token(change)})
    changed = visitor.post(note, {"title": "Tea", "text": "", **token(change)})
    visitor.follow(changed)
    visitor.get(note.replace("change", "history"))
    visitor.get("/admin/notesite/note/?q=&o=1&p=0")
    visitor.get("/admin/jsi18n/")
    delete = note.replace("change", "delete")
    visitor.follow(visitor.post(delete, {"post": "yes", **token(visitor.get(delete))}))
    visitor.get("/admin/auth/user/")
    visitor.post("/admin/logout/", token(form))
    visitor.get("/admin/")
