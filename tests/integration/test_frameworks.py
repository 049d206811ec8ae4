"""Real applications, as their users meet them: Flask, Bottle, a Django project with its admin."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ashdtest.frontend import FrontEnd
from ashdtest.processes import DEADLINE, descriptor_count, wait_until
from ashdtest.sites import APPS, site


@pytest.fixture(scope="module")
def flask(front: str, model: str) -> Iterator[FrontEnd]:
    with site("flask_site", front=front, model=model) as server:
        yield server


@pytest.fixture(scope="module")
def bottle(front: str, model: str) -> Iterator[FrontEnd]:
    with site("bottle_site", front=front, model=model) as server:
        yield server


# Not under rplex: Django closes a thread's database connections when a response is closed, which
# happens in another thread there.
@pytest.fixture(scope="module", params=["free", "pool", "single"])
def django(
    front: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    database = tmp_path_factory.mktemp("django") / "site.sqlite3"
    env = {"DJANGO_SITE_DATABASE": str(database)}
    with site("django_site", front=front, model=request.param, env=env) as server:
        yield server


@contextmanager
def browser(server: FrontEnd) -> Iterator[httpx.Client]:
    """A client that keeps cookies and connections, and follows redirects."""
    with httpx.Client(base_url=server.url, timeout=DEADLINE, follow_redirects=True) as client:
        yield client


# Flask


def test_flask_form_and_session(flask: FrontEnd) -> None:
    with browser(flask) as one, browser(flask) as other:
        assert one.get("/").text == "Hello, stranger!"
        assert one.post("/login", data={"name": "Zoë & Bob"}).text == "Hello, Zoë & Bob!"
        assert other.get("/").text == "Hello, stranger!"
        assert [one.get("/counter").text for _ in range(3)] == ["1", "2", "3"]
        assert other.get("/counter").text == "1"


def test_flask_uploads(flask: FrontEnd) -> None:
    files = {"small.txt": b"some words", "empty": b"", "large é.bin": bytes(range(256)) * 20_000}
    with browser(flask) as client:
        form = [("file", (name, data)) for name, data in files.items()]
        answer = client.post("/upload", files=form).json()
    assert answer == {
        name: [len(data), hashlib.sha256(data).hexdigest()] for name, data in files.items()
    }


def test_flask_reads_a_form_without_length(flask: FrontEnd) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    with browser(flask) as client:
        pieces = iter([b"name=", b"Chunky"])
        assert client.post("/login", content=pieces, headers=kind).text == "Hello, Chunky!"


def test_flask_streams_as_it_goes(flask: FrontEnd, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with (
        browser(flask) as client,
        client.stream("GET", "/stream", params={"gate": str(gate)}) as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "before"
        gate.touch()
        assert next(lines) == "after"


def test_flask_files(flask: FrontEnd) -> None:
    content = (APPS / "flask_site.py").read_bytes()
    with browser(flask) as client:
        whole = client.get("/file")
        assert whole.content == content
        assert whole.headers["Content-Length"] == str(len(content))
        part = client.get("/file", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, content[10:20])
        known = client.get("/file", headers={"If-None-Match": whole.headers["ETag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert client.head("/file").headers["Content-Length"] == str(len(content))


def test_flask_urls(flask: FrontEnd) -> None:
    with browser(flask) as client:
        rest, url = client.get("/url/caf%C3%A9/a%20b?q=%C3%A9").text.split("|")
    assert rest == "café/a b"
    assert url == f"{flask.url}/url/café/a%20b?q=é"


def test_flask_errors(flask: FrontEnd) -> None:
    with browser(flask) as client:
        assert client.get("/nowhere").status_code == 404
        assert client.put("/").status_code == 405
        assert client.get("/forbidden").status_code == 403
        broken = client.get("/broken")
        assert (broken.status_code, "secret" in broken.text) == (500, False)
    wait_until(lambda: "RuntimeError: secret details" in flask.log)


# Bottle


def test_bottle_pages_and_forms(bottle: FrontEnd) -> None:
    with browser(bottle) as client:
        assert client.get("/hello/<Zoë>").text == "Hello, &lt;Zoë&gt;!"
        fields = {"name": "Zoë", "text": "a & b = c"}
        assert client.post("/form", data=fields).json() == fields
        assert client.get("/nowhere").status_code == 404


def test_bottle_signed_cookies(bottle: FrontEnd) -> None:
    with browser(bottle) as client:
        assert client.get("/recall").text == "nothing"
        assert client.get("/remember/this").text == "kept"
        assert client.get("/recall").text == "this"


def test_bottle_uploads_files_and_generators(bottle: FrontEnd) -> None:
    content = (APPS / "bottle_site.py").read_bytes()
    with browser(bottle) as client:
        sent = client.post("/upload", files={"file": ("some.bin", bytes(3_000_000))})
        assert sent.text == "some.bin 3000000"
        assert client.get("/file").content == content
        assert client.get("/lines/1000").text.splitlines() == [f"line {n}" for n in range(1000)]


# Django


def token(page: httpx.Response) -> dict[str, str]:
    """Return the field against forged requests that a page's form has."""
    match = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert match, page.text
    return {"csrfmiddlewaretoken": match[1]}


def log_in(client: httpx.Client) -> httpx.Response:
    page = client.get("/admin/")
    assert page.url.path == "/admin/login/"
    fields = {"username": "boss", "password": "only for tests", "next": "/admin/"}
    return client.post(page.url, data=fields | token(page))


def test_django_admin(django: FrontEnd) -> None:
    with browser(django) as client:
        page = log_in(client)
        assert (page.url.path, page.status_code) == ("/admin/", 200)
        assert "Site administration" in page.text
        form = client.get("/admin/django_site/note/add/")
        title = f"Buy <milk> & café, {django.port}"
        added = client.post(form.url, data={"title": title} | token(form))
        assert (added.url.path, added.status_code) == ("/admin/django_site/note/", 200)
        assert f"Buy &lt;milk&gt; &amp; café, {django.port}" in client.get(added.url).text


def test_django_refuses_forged_requests_and_wrong_passwords(django: FrontEnd) -> None:
    with browser(django) as client:
        page = client.get("/admin/login/")
        fields = {"username": "boss", "password": "wrong"}
        assert client.post(page.url, data=fields).status_code == 403
        assert "Please enter the correct" in client.post(page.url, data=fields | token(page)).text


def test_django_leaves_no_database_open(django: FrontEnd) -> None:
    with browser(django) as client:
        log_in(client)
        before = descriptor_count(django.handler_pid)
        for _ in range(30):
            assert client.get("/admin/django_site/note/").status_code == 200
        wait_until(
            lambda: descriptor_count(django.handler_pid) <= before + 2,
            what=f"descriptors down to about {before}",
        )
