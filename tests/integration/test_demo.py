"""The demo site, as a browser and as curl see it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ashdtest.frontend import FrontEnd
from ashdtest.processes import DEADLINE, wait_until
from ashdtest.sites import site

DEMO = Path(__file__).parents[2] / "examples" / "demo"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def demo(front: str) -> Iterator[FrontEnd]:
    with site("demo", front=front, path=DEMO) as server:
        yield server


@pytest.fixture
def browser(demo: FrontEnd) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.url, headers=HTML, timeout=DEADLINE) as client:
        yield client


@pytest.fixture
def terminal(demo: FrontEnd) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.url, timeout=DEADLINE) as client:
        yield client


def test_every_link_leads_somewhere(browser: httpx.Client) -> None:
    seen, wanted = set[str](), {"/"}
    while wanted:
        target = wanted.pop()
        seen.add(target)
        response = browser.get(target)
        assert response.status_code == 200, target
        if "html" in response.headers["Content-Type"]:
            found = re.findall(r'(?:href|src)="(/[^"]*)"', response.text)
            wanted |= set(found) - seen
    assert {"/request", "/upload", "/stream", "/process", "/style.css", "/demo.js"} <= seen


def test_the_request_is_shown_and_nothing_in_it_becomes_html(browser: httpx.Client) -> None:
    fields = {"name": "<script>alert(1)</script>", "text": "café"}
    page = browser.post("/request/<b>?q=<i>", data=fields, headers={"X-Mine": "<u>"}).text
    assert "REQUEST_METHOD</dt><dd>POST" in page
    assert "HTTP_X_MINE</dt><dd>&lt;u&gt;" in page
    for text in ("<b>", "<i>", "<u>", "<script>alert"):
        assert text not in page


def test_the_request_as_text(terminal: httpx.Client) -> None:
    # The reference front end drops a body that has no type.
    sent = terminal.put(
        "/request/caf%C3%A9?a=b", content=b"some words", headers={"Content-Type": "text/plain"}
    )
    lines = sent.text.splitlines()
    assert "REQUEST_METHOD: PUT" in lines
    assert "PATH_INFO: /request/café" in lines
    assert "QUERY_STRING: a=b" in lines
    assert lines[-1] == "some words"


def test_uploads(browser: httpx.Client, terminal: httpx.Client) -> None:
    data = bytes(range(256)) * 10_000 + b"\r\n--not the end\r\n"
    digest = hashlib.sha256(data).hexdigest()
    files = [("file", ("a <b> é.bin", data)), ("file", ("empty", b"")), ("file", ("one", b"1"))]
    page = browser.post("/upload", files=files).text
    assert "a &lt;b&gt; é.bin" in page
    assert digest in page
    lines = terminal.post("/upload", files=files, data={"field": "value"}).text.splitlines()
    assert [line.split("  ") for line in lines] == [
        [hashlib.sha256(content).hexdigest(), str(len(content)), name]
        for _, (name, content) in files
    ]
    sent = terminal.put("/upload", content=data, headers={"Content-Type": "a/b"}).text
    assert sent.startswith(f"{digest}  {len(data)}  ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--y--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"x" * 10_000),
        ("multipart/form-data; boundary=x", b"--x and more"),
    ],
)
def test_a_broken_form_is_refused(terminal: httpx.Client, kind: str, body: bytes) -> None:
    response = terminal.post("/upload", content=body, headers={"Content-Type": kind})
    assert (response.status_code, "can't be read" in response.text) == (400, True)


def test_a_page_grows_while_the_process_is_looked_at(
    browser: httpx.Client, terminal: httpx.Client
) -> None:
    target = "/stream/growing?lines=500&pause=50"  # it ends soon after its client has left
    with browser.stream("GET", target) as response:
        text = response.iter_text()
        seen = next(text)
        while "line 1 of 500" not in seen:
            seen += next(text)
        assert "GET /stream/growing?lines=500" in terminal.get("/process").text
        assert "GET /stream/growing?lines=500" in browser.get("/process").text.replace("&amp;", "&")
    wait_until(lambda: "growing" not in terminal.get("/process").text)


def test_downloads(terminal: httpx.Client) -> None:
    response = terminal.get("/stream/download?mib=3")
    assert len(response.content) == 3 << 20
    assert response.headers["Content-Disposition"] == 'attachment; filename="demo-3-MiB.bin"'
    assert terminal.head("/stream/download?mib=1000000").headers["Content-Length"] == str(
        10**6 << 20
    )


def test_errors(browser: httpx.Client, terminal: httpx.Client) -> None:
    assert browser.get("/nowhere").status_code == 404
    assert terminal.get("/../etc/passwd").status_code == 404
    refused = terminal.post("/stream")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
