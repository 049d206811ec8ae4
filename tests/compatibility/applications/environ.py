"""A plain WSGI application that shows its environ, and reads bodies in every way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ashdtest.beside.visitor import Visitor

NAME = "plain WSGI"
DISTRIBUTION = ""
VARIES: list[bytes] = []

READS: dict[str, Any] = {
    "all": lambda stream: [stream.read()],
    "minus": lambda stream: [stream.read(-1)],
    "none": lambda stream: [stream.read(0)],
    "pieces": lambda stream: list(iter(lambda: stream.read(7000), b"")),
    "line": lambda stream: [stream.readline(), stream.readline(), stream.readline(3)],
    "lines": lambda stream: stream.readlines(),
    "hint": lambda stream: stream.readlines(1),
    "iterate": list,
    "over": lambda stream: [stream.read(), stream.read(), stream.read(10), stream.readline()],
    "leave": lambda stream: [],
}


def make() -> WSGIApplication:
    return application


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    what, _, how = environ["PATH_INFO"].strip("/").partition("/")
    if what == "read":
        pieces = READS[how](environ["wsgi.input"])
        return show(start_response, [piece.decode("latin-1") for piece in pieces])
    if what == "answer":
        respond: Callable[[StartResponse], Iterable[bytes]] = ANSWERS[how]
        return respond(start_response)
    plain = (str, int, bool, tuple)
    shown = {key: value for key, value in environ.items() if isinstance(value, plain)}
    headers = [(f"Environ-{key}", json.dumps(value)) for key, value in sorted(shown.items())]
    start_response("200 OK", [*headers, ("Content-Length", "0")])
    return []


def show(start_response: StartResponse, value: object) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value, indent=1).encode()]


def answer(status: str, headers: list[tuple[str, str]], pieces: Iterable[bytes]) -> Any:
    def respond(start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, headers)
        return pieces

    return respond


def _generate(start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b""
    yield b"one"
    yield b"two"


def _write(start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written, ")
    write(b"twice, ")
    return [b"and returned"]


def _fail(start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("what the application tells the log only")


PLAIN = [("Content-Type", "text/plain")]
ANSWERS: dict[str, Any] = {
    "list": answer("200 OK", PLAIN, [b"one", b"two"]),
    "single": answer("200 OK", PLAIN, [b"alone"]),
    "empty": answer("200 OK", PLAIN, []),
    "generator": _generate,
    "write": _write,
    "fail": _fail,
    "length": answer("200 OK", [*PLAIN, ("Content-Length", "6")], [b"one", b"two"]),
    "reason": answer("299 Quite Fine, Really", PLAIN, [b"x"]),
    "no-content": answer("204 No Content", [], []),
    "no-content-length": answer("204 No Content", [("Content-Length", "0")], []),
    "not-modified": answer("304 Not Modified", [("ETag", '"a"')], []),
    "not-modified-length": answer("304 Not Modified", [("Content-Length", "50")], []),
    "same-names": answer("200 OK", [("X-A", "1"), ("x-a", "2"), ("X-A", "3")], [b"x"]),
    "latin-1": answer("200 OK", [("X-Name", "Zo\xeb")], [b"x"]),
    "server": answer("200 OK", [("Server", "mine"), ("Date", "yesterday")], [b"x"]),
    "relative": answer("302 Found", [("Location", "../other?x=1#y")], []),
    "spelling": answer("200 OK", [("x-SPELLED-so", "1"), ("content-TYPE", "text/plain")], [b"x"]),
}


def visit(visitor: Visitor) -> None:
    for target in (
        *("/", "/a/b?c=d&e", "/a%20b/%C3%A9", "//double//slash/", "/%2Fescaped", "/a%3Fb?c%3Dd"),
        *("/a;b=c", "/dots/../up/./here", "/%", "/%zz", "/?", "/a?b?c", "/plus+space", "/%00"),
    ):
        visitor.get(target)
    visitor.get(f"http://{visitor.host}/absolute?x=y")
    for method in ("HEAD", "OPTIONS", "DELETE", "PATCH", "PUT", "PURGE", "M-SEARCH"):
        visitor.ask(method, "/method")
    visitor.ask("OPTIONS", "*")
    fields = (
        "Accept: a",
        "Accept: b",
        "Cookie: x=y",
        "Cookie: z=w",
        "X-Custom-Name:   spaces   ",
        "X-Empty:",
        "X_Under: score",
        "X-Forwarded-For: 10.1.2.3",
        "X-Forwarded-Proto: https",
        "Proxy: evil",
        "Content-Type: text/odd; charset=x",
        "Authorization: Basic dTpw",
        "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT",
        "X-Name: Zo\xeb",
    )
    visitor.get("/headers", *fields)
    for version in ("HTTP/1.0", "HTTP/1.1"):
        for option in ("close", "keep-alive"):
            visitor.ask("GET", "/", f"Connection: {option}", version=version)
        visitor.ask("GET", "/", version=version)
    bodies(visitor)
    answers(visitor)


def bodies(visitor: Visitor) -> None:
    text = b"first line\nsecond\n\nlast \xff without end"
    for how in READS:
        visitor.ask("POST", f"/read/{how}", body=text)
        visitor.ask("POST", f"/read/{how}", body=[text[:5], text[5:]])
        visitor.ask("POST", f"/read/{how}", "Content-Length: 0")
        visitor.get(f"/read/{how}")
    visitor.ask("POST", "/read/pieces", body=bytes(range(256)) * 400)
    visitor.ask("POST", "/read/pieces", body=[bytes(range(256)) * 400] * 3)
    visitor.ask("POST", "/environ", body=[b"chunked"])
    visitor.ask("POST", "/environ", body=b"with a length")
    visitor.expect("POST", "/read/all", body=text)
    visitor.expect("POST", "/read/leave", body=text)
    visitor.ask("POST", "/read/all", "Expect: 100-continue", body=text)
    visitor.ask("PUT", "/read/all", body=text, version="HTTP/1.0")


def answers(visitor: Visitor) -> None:
    for how in ANSWERS:
        visitor.get(f"/answer/{how}")
        visitor.head(f"/answer/{how}")
        visitor.ask("GET", f"/answer/{how}", version="HTTP/1.0")
        visitor.ask("GET", f"/answer/{how}", "Connection: keep-alive", version="HTTP/1.0")
        visitor.ask("POST", f"/answer/{how}", body=b"unread")
