"""SCGI requests: what is read of them, and what an application sees."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from typing import Any

import pytest

from ashd.proto import Request
from ashd.wsgi._environ import base_environ
from ashd.wsgi._errors import BadRequestError
from ashd.wsgi._response import SCGI_STATUS_LINE, Response
from ashd.wsgi._scgi import MAX_HEAD, Params, head_size, parse_head, request_of
from ashd.wsgi._scgi_acceptor import _Connection
from ashd.wsgi._scgi_environ import ScgiEnvironBuilder
from ashdtest.cases import about

NGINX = {
    "CONTENT_LENGTH": "0",
    "SCGI": "1",
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/a%20b/c?d=e",
    "QUERY_STRING": "d=e",
    "CONTENT_TYPE": "",
    "DOCUMENT_URI": "/a b/c",
    "DOCUMENT_ROOT": "/srv/www",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_SCHEME": "https",
    "HTTPS": "on",
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_PORT": "4711",
    "SERVER_PORT": "443",
    "SERVER_NAME": "example.org",
    "HTTP_HOST": "www.example.org:443",
}
"""What nginx sends with the parameters of its file `scgi_params`."""


def netstring(params: dict[str, str], *more: tuple[str, str]) -> bytes:
    pairs = (*params.items(), *more)
    body = b"".join(f"{name}\0{value}\0".encode("latin-1") for name, value in pairs)
    return b"%d:%b," % (len(body), body)


def environ(*more: tuple[str, str], **changes: str | None) -> dict[str, Any]:
    given = {name: value for name, value in {**NGINX, **changes}.items() if value is not None}
    params: Params = parse_head(netstring(given, *more))
    method, url, version, headers = request_of(params)
    request = Request(method, url, version, b"", headers, -1)
    return ScgiEnvironBuilder(base_environ("x", True, False)).build(request)[0]


def test_the_size_of_a_head_is_known_from_its_first_bytes() -> None:
    data = netstring(NGINX)
    sizes = {head_size(data[:size]) for size in range(len(data) + 1)}
    assert sizes == {0, len(data)}


def test_what_is_not_scgi_is_refused_at_once() -> None:
    for start in (
        b"GET / HT",
        b"\x16\x03\x01\x02",
        b"0:,",
        b"01:",
        b"-1:",
        b"1234567:",
        b":",
        b"7;",
    ):
        with about(str(start)), pytest.raises(BadRequestError, match="netstring"):
            head_size(start)
    with pytest.raises(BadRequestError, match=str(MAX_HEAD)):
        head_size(b"%d:" % (MAX_HEAD + 1))


def test_what_was_read_wakes_nobody_again() -> None:
    """Else a client that sends the beginning of a head would keep a processor busy."""
    data = netstring(NGINX) + b"body"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection, poll = _Connection(theirs), select.poll()
        poll.register(theirs, select.POLLIN)
        for position in range(len(data) - len(b"body")):
            assert poll.poll(0) == []
            ours.send(data[position : position + 1])
            with suppress(BlockingIOError):
                request = connection.read()
        with request:
            ours.send(b"body")
            assert request.socket.recv(100) == b"body"


def test_malformed_heads() -> None:
    whole = netstring(NGINX)
    for head, text in {
        whole[:-1] + b"x": "malformed",
        b"3:a\0b,": "malformed",
        b"4:a\0b\0,": "no SCGI=1",
        b"8:a\0b\0a\0c\0,": "repeated",
        b"12:SCGI\0001\0\0b\0x,": "malformed",
        netstring({**NGINX, "SCGI": "2"}): "no SCGI=1",
        netstring({**NGINX, "CONTENT_LENGTH": "1x"}): "CONTENT_LENGTH",
        netstring({**NGINX, "": "x"}): "empty",
    }.items():
        with about(str(head)), pytest.raises(BadRequestError, match=text):
            parse_head(head)


def test_the_environ_is_that_of_pep_3333() -> None:
    found = environ()
    assert found["wsgi.url_scheme"] == "https"
    assert {key: found[key] for key in NGINX} | {"SERVER_NAME": "www.example.org"} == {
        **NGINX,
        "SERVER_NAME": "www.example.org",
    }
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("", "/a b/c")


def test_where_an_application_lives() -> None:
    for given, expected in {
        ("/a%20b", None): ("/a%20b", "/a b/c"),  # decoded by the web server, and another place
        ("/a b", None): ("/a b", "/c"),
        ("/a b/", None): ("/a b", "/c"),
        ("/a", None): ("/a", "/a b/c"),
        ("/x", "/y"): ("/x", "/y"),
        ("/a b", "/a%20b/c"): ("", "/a b/c"),  # Apache 2.4
        ("/", "/c"): ("/a b", "/c"),  # where the URL tells,
        ("/", "y"): ("", "/y"),
        ("", ""): ("", ""),
    }.items():
        with about(str(given)):
            found = environ(SCRIPT_NAME=given[0], PATH_INFO=given[1])
            assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == expected


def test_a_web_server_that_sends_only_what_cgi_asks_for() -> None:
    found = environ(
        REQUEST_URI=None, SCRIPT_NAME="/app", PATH_INFO="/p", HTTPS=None, REQUEST_SCHEME=None,
        SERVER_PORT=None, HTTP_HOST=None, SERVER_PROTOCOL=None,
    )  # fmt: skip
    assert found["REQUEST_URI"] == "/app/p?d=e"
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("example.org", "80")
    assert found["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in found


def test_headers_that_a_client_has_sent_several_times() -> None:
    seen = environ(
        *(("HTTP_ACCEPT", "a"), ("HTTP_COOKIE", "x=y"), ("HTTP_ACCEPT", "b")),
        *(("HTTP_COOKIE", "z=w"), ("HTTP_ACCEPT", "")),
    )
    assert (seen["HTTP_ACCEPT"], seen["HTTP_COOKIE"]) == ("a, b, ", "x=y; z=w")


@pytest.mark.parametrize("name", ["REMOTE_ADDR", "CONTENT_LENGTH", "SCGI", "HTTP_HOST", ""])
def test_what_a_web_server_says_must_be_said_once(name: str) -> None:
    with pytest.raises(BadRequestError, match="empty or repeated"):
        environ((name, "1"), (name, "1"))


def test_clients_can_not_forge_what_servers_say() -> None:
    found = environ(
        HTTP_PROXY="x", HTTP_X_ASH_FILE="/etc/passwd", HTTP_TRANSFER_ENCODING="chunked",
        **{"wsgi.input": "x", "HTTP_A.B": "x"},
    )  # fmt: skip
    assert {"HTTP_PROXY", "HTTP_X_ASH_FILE", "HTTP_TRANSFER_ENCODING", "HTTP_A.B"} & set(
        found
    ) == set()
    assert "wsgi.input" not in found


def test_a_header_of_the_application_is_not_taken_for_the_status() -> None:
    """Web servers look for the status among the headers, and Apache takes the last one."""
    response = Response(SCGI_STATUS_LINE, is_head=False)
    response.start("200 OK", [("STATUS", "1"), ("X-Status", "a"), ("Status", "404"), ("A", "b")])
    assert b"".join(response.piece(b"x", 1, last=True)) == (
        b"Status: 200 OK\r\nX-Status: a\r\nA: b\r\nContent-Length: 1\r\n\r\nx"
    )
