"""Responses of every kind, as the client sees their framing."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.client import Client, post, request
from ashdtest.frontend import FrontEnd
from ashdtest.http import Reply
from ashdtest.processes import wait_until

HELLO = b"Hello, world!\n"


def client(server: FrontEnd) -> Client:
    return Client(server.connect())


def get(server: FrontEnd, target: str, *fields: str, method: str = "GET") -> Reply:
    with client(server) as connection:
        connection.send(request(target, *fields, method=method))
        return connection.reply(head_only=method == "HEAD")


def test_a_body_of_known_size_has_its_length(zoo: FrontEnd) -> None:
    reply = get(zoo, "/hello")
    assert (reply.status, reply.body) == (200, HELLO)
    assert reply.headers["content-length"] == str(len(HELLO))
    assert "transfer-encoding" not in reply.headers


def test_without_length_it_is_chunked(zoo: FrontEnd) -> None:
    reply = get(zoo, "/counts_lines?3")
    assert reply.body == b"line 0\nline 1\nline 2\n"
    assert reply.headers["transfer-encoding"] == "chunked"


def test_an_old_client_sees_the_end_of_the_connection(zoo: FrontEnd) -> None:
    with client(zoo) as connection:
        connection.send(request("/counts_lines?3", version="HTTP/1.0"))
        reply = connection.reply()
        assert reply.body == b"line 0\nline 1\nline 2\n"
        assert "transfer-encoding" not in reply.headers


def test_head_has_no_body_and_the_connection_goes_on(zoo: FrontEnd) -> None:
    with client(zoo) as connection:
        for target in ("/hello", "/counts_lines?3", f"/gives_file?{quote(__file__)}"):
            reply = connection.send(request(target, method="HEAD")).reply(head_only=True)
            assert reply.status == 200
        assert connection.send(request("/hello")).reply().body == HELLO


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_body(zoo: FrontEnd, status: int) -> None:
    with client(zoo) as connection:
        reply = connection.send(request(f"/answers_status/{status}")).reply()
        assert (reply.status, reply.headers["x-seen"]) == (status, "yes")
        # If a byte of a body had followed, it would be taken for the next response.
        assert connection.send(request("/hello")).reply().body == HELLO


@pytest.mark.parametrize("status", [200, 205, 299, 404, 418, 503])
def test_statuses_with_body(zoo: FrontEnd, status: int) -> None:
    reply = get(zoo, f"/answers_status/{status}")
    assert reply.status == status


@pytest.mark.parametrize("how", ["piece", "pieces"])
def test_a_body_longer_than_its_length_is_cut_and_logged(zoo: FrontEnd, how: str) -> None:
    with client(zoo) as connection:
        reply = connection.send(request(f"/gives_too_much?{how}")).reply()
        assert (reply.headers["content-length"], reply.body) == ("5", b"12345")
        assert connection.send(request("/hello")).reply().body == HELLO
    message = f"GET /gives_too_much?{how}: the body is longer than its Content-Length"
    wait_until(lambda: message in zoo.log)


def test_a_body_shorter_than_its_length_is_visibly_cut_and_logged(zoo: FrontEnd) -> None:
    with client(zoo) as connection:
        seen = connection.send(request("/gives_too_little")).rest()
        assert b"\r\nContent-Length: 10\r\n" in seen
        assert seen.endswith(b"\r\n\r\n12345")
    wait_until(lambda: "GET /gives_too_little: the body is 5 bytes shorter" in zoo.log)


@pytest.mark.parametrize("error", ["RuntimeError", "SystemExit", "KeyboardInterrupt", "OSError"])
def test_a_failure_before_the_head_is_a_plain_500(zoo: FrontEnd, error: str) -> None:
    with client(zoo) as connection:
        reply = connection.send(request(f"/fails_early?{error}")).reply()
        assert reply.status == 500
        assert b"secret" not in reply.body
        assert connection.send(request("/hello")).reply().body == HELLO
    wait_until(lambda: f"{error}: secret details" in zoo.log)


def test_a_failure_after_the_head_cuts_the_response(zoo: FrontEnd) -> None:
    with client(zoo) as connection:
        seen = connection.send(request("/fails_late?100")).rest()
        assert seen.startswith(b"HTTP/1.1 200 ")
        assert seen.endswith(b"\r\n\r\nthe first piece\n")
    assert get(zoo, "/hello").body == HELLO
    wait_until(lambda: "GET /fails_late?100: the application failed" in zoo.log)


def test_write(zoo: FrontEnd) -> None:
    reply = get(zoo, "/uses_write")
    assert (reply.status, reply.body) == (200, b"written\nreturned\n")


def test_files_go_out_whole(zoo: FrontEnd, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    file = tmp_path / "some file"
    file.write_bytes(content)
    reply = get(zoo, f"/gives_file?{quote(str(file))}")
    assert reply.headers["content-length"] == str(len(content))
    assert reply.body == content


def test_pipelined_requests_are_answered_in_order(zoo: FrontEnd) -> None:
    upload = b"x" * 100_000
    digest = hashlib.sha256(upload).hexdigest()
    with client(zoo) as connection:
        connection.send(
            request("/counts_lines?2")
            + post("/takes_upload", upload)
            + request("/hello", method="HEAD")
            + request("/answers_status/204")
            + request("/hello", "Connection: close")
        )
        assert connection.reply().body == b"line 0\nline 1\n"
        assert connection.reply().body == f"100000 {digest}\n".encode()
        assert connection.reply(head_only=True).status == 200
        assert connection.reply().status == 204
        assert connection.reply().body == HELLO
        assert connection.at_end()


def closed(server: FrontEnd, times: int) -> bool:
    return server.log.count("closed: 1") == times


def test_a_client_that_goes_away_ends_the_response(zoo: FrontEnd) -> None:
    seen = zoo.log.count("closed: 1")
    for leave in (Client.reset, Client.leave):
        connection = client(zoo).send(request("/never_ends"))
        assert connection.exactly(12) == b"HTTP/1.1 200"
        leave(connection)
        seen += 1
        wait_until(partial(closed, zoo, seen))
    assert get(zoo, "/hello").body == HELLO
    assert "closed: 2" not in zoo.log
    assert "GET /never_ends" not in zoo.log
