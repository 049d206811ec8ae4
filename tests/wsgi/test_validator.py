"""The validator of the standard library between us and an application, under every model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashdtest.handlers import running
from ashdtest.processes import program
from ashdtest.wsgiprograms import MODEL_OPTIONS

APPLICATION = r"""
import os
from wsgiref.validate import validator

PLAIN = [("Content-Type", "text/plain")]

def listed(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"one ", b"two"]

def generated(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b""
    yield b"one "
    yield b"two"

def late(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "7")])
    return iter([b"one ", b"two"])

def empty(environ, start_response):
    start_response("204 No Content", [])
    return []

def echo(environ, start_response):
    length = int(environ["CONTENT_LENGTH"])
    first = environ["wsgi.input"].readline()
    start_response("200 OK", PLAIN)
    return [first, environ["wsgi.input"].read(length)]

def failing(environ, start_response):
    start_response("200 OK", PLAIN)
    raise RuntimeError("as planned")

def told(environ, start_response):
    environ["wsgi.errors"].write("told to wsgi.errors\n")
    environ["wsgi.errors"].writelines(["what no \u20ac", " encoding \udcff has\n"])
    environ["wsgi.errors"].flush()
    start_response("200 OK", PLAIN)
    flags = [environ["wsgi." + name] for name in ("multithread", "multiprocess", "run_once")]
    return [str(flags).encode()]

def application(environ, start_response):
    return validator(globals()[environ["PATH_INFO"][1:]])(environ, start_response)
"""


@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_the_validator_finds_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text(APPLICATION, encoding="utf-8")
    headers = [
        (b"Host", b"example.org"),
        (b"X-Ash-Address", b"192.0.2.1"),
        (b"Content-Type", b"a/b"),
    ]
    argv = [program("ashd-wsgi"), *options, "-Ap", str(tmp_path), "app"]
    with running(argv) as handler:
        for name in (b"listed", b"generated", b"late"):
            for method in (b"GET", b"HEAD", b"OPTIONS"):
                response = handler.call(b"/" + name + b"?query", method=method, headers=headers)
                expected = b"" if method == b"HEAD" else b"one two"
                assert (response.status, response.body) == (200, expected), handler.log
        assert handler.call(b"/empty").status == 204
        posted = handler.call(b"/echo", method=b"POST", headers=headers, body=b"one\ntwo\nthree")
        assert posted.body == b"one\ntwo\nthree"
        # part of the path belongs to handlers before us
        assert handler.call(b"/app/listed", rest=b"listed").body == b"one two"
        flags = [options[1] != "single", "-w" in options, False]
        assert handler.call(b"/told").body == str(flags).encode()
        assert handler.call(b"/failing").status == 500
    assert "AssertionError" not in handler.log
    assert "WSGIWarning" not in handler.log
    assert "told to wsgi.errors\nwhat no " in handler.log
    assert " encoding \\udcff has\n" in handler.log
