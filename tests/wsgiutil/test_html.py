from __future__ import annotations

from html.parser import HTMLParser

import pytest

from ashd.wsgiutil import (
    ResponseRecorder,
    html_quote,
    htmlquote,
    make_environ,
    simple_error,
    simpleerror,
)


def test_html_quote() -> None:
    assert html_quote("<a href=\"x\" b='y'>&") == (
        "&lt;a href=&quot;x&quot; b=&#x27;y&#x27;&gt;&amp;"
    )
    assert html_quote("caf\xe9 \u20ac") == "caf\xe9 \u20ac"


class _Text(HTMLParser):
    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)


@pytest.mark.parametrize(
    ("title", "message", "reason"),
    [
        ("Not Found", "There is no such page.", "Not Found"),
        ("<b>", "</p><script>alert('x')</script> & \u20ac", "<b>"),
        ("Caf\xe9\r\nSet-Cookie: x", "x", "CafSet-Cookie: x"),
        ("\u20ac", "x", ""),
    ],
)
def test_simple_error(title: str, message: str, reason: str) -> None:
    recorder = ResponseRecorder()
    (page,) = simple_error(make_environ("/"), recorder, 404, title, message)
    assert recorder.status == f"404 {reason}"
    assert dict(recorder.headers) == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(page)),
    }
    parsed = _Text(page)
    assert parsed.tags == ["html", "head", "meta", "title", "body", "h1", "p"]
    assert [each.split() for each in parsed.texts] == [
        title.split(),
        title.split(),
        message.split(),
    ]


def test_names_of_the_original_library() -> None:
    assert htmlquote is html_quote
    assert simpleerror is simple_error
