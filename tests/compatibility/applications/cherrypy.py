"""CherryPy: sessions, uploads, static files, streams, its tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "CherryPy"
DISTRIBUTION = "cherrypy"
VARIES = [rb"(?<=session_id=)\w+", rb"={12,}\d{19}=="]


def make() -> Any:
    import cherrypy

    class Root:
        """The pages."""

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def index(self, **parameters: str) -> str:
            return f"{cherrypy.url()} {cherrypy.request.base} {parameters!r}"

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def path(self, *parts: str) -> str:
            return repr(parts)

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def count(self) -> str:
            cherrypy.session["count"] = cherrypy.session.get("count", 0) + 1
            return str(cherrypy.session["count"])

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def upload(self, file: Any, **others: Any) -> str:
            return f"{file.filename} {file.content_type} {len(file.file.read())} {others!r}"

        @cherrypy.expose  # type: ignore[untyped-decorator]
        @cherrypy.config(**{"request.body.processors": {}})  # type: ignore[untyped-decorator]
        def body(self) -> str:
            return str(cherrypy.request.body.read().decode("latin-1"))

        @cherrypy.expose  # type: ignore[untyped-decorator]
        @cherrypy.config(**{"response.stream": True})  # type: ignore[untyped-decorator]
        def stream(self) -> Iterator[str]:
            for number in range(1000):
                yield f"{number}\n"

        @cherrypy.expose  # type: ignore[untyped-decorator]
        @cherrypy.tools.etags(autotags=True)  # type: ignore[untyped-decorator]
        @cherrypy.tools.gzip(mime_types=["text/*"])  # type: ignore[untyped-decorator]
        def large(self) -> str:
            return "some text\n" * 10_000

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def file(self) -> Any:
            return cherrypy.lib.static.serve_file(__file__, "text/x", "attachment", "a.py")

        @cherrypy.expose  # type: ignore[untyped-decorator]
        @cherrypy.tools.json_in()  # type: ignore[untyped-decorator]
        @cherrypy.tools.json_out()  # type: ignore[untyped-decorator]
        def json(self) -> Any:
            return {"got": cherrypy.request.json}

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def go(self) -> None:
            raise cherrypy.HTTPRedirect("/path/there")

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def error(self, code: str) -> None:
            raise cherrypy.HTTPError(int(code), "so")

        @cherrypy.expose  # type: ignore[untyped-decorator]
        def fail(self) -> None:
            raise ZeroDivisionError

    sessions = Path(os.environ["APPLICATION_STATE"]) / "sessions"
    sessions.mkdir(exist_ok=True)
    cherrypy.config.update({"environment": "embedded", "request.show_tracebacks": False})
    settings = {
        "/": {
            "tools.sessions.on": True,
            "tools.sessions.storage_class": cherrypy.lib.sessions.FileSession,
            "tools.sessions.storage_path": str(sessions),
        },
        "/static": {
            "tools.staticdir.on": True,
            "tools.staticdir.dir": str(Path(__file__).parent),
            "tools.sessions.on": False,
        },
    }
    return cherrypy.Application(Root(), "", settings)


def visit(visitor: Visitor) -> None:
    visitor.get("/?a=%C3%A9&b=2")
    visitor.head("/")
    visitor.post("/", {"name": "Zoë"})
    visitor.get("/path/a/%C3%A9/b%2Fc?x=y")
    for _ in range(3):
        visitor.get("/count")
    visitor.other().get("/count")
    visitor.upload("/upload", {"a": "b"}, {"file": ("é", bytes(5_000_000))})
    visitor.ask("POST", "/body", body=b"with a length")
    visitor.ask("POST", "/body", body=[b"in ", b"chunks"])
    visitor.ask("PUT", "/body")
    visitor.expect("PUT", "/body", body=b"expected")
    visitor.ask("POST", "/json", "Content-Type: application/json", body=b'{"a": 1}')
    visitor.ask("POST", "/json", "Content-Type: application/json", body=b"{")
    visitor.ask("POST", "/json", "Content-Type: application/json", body=[b'{"a":', b" 1}"])
    visitor.get("/stream")
    visitor.head("/stream")
    visitor.ask("GET", "/stream", version="HTTP/1.0")
    first = visitor.get("/large")
    visitor.get("/large", f"If-None-Match: {first.header('ETag')}")
    visitor.get("/large", "Accept-Encoding: gzip")
    for target in ("/file", "/static/cherrypy.py"):
        first = visitor.get(target)
        visitor.head(target)
        visitor.get(target, f"If-Modified-Since: {first.header('Last-Modified')}")
        for span in ("0-9", "-5", "1-2,4-5", "99999999-"):
            visitor.get(target, f"Range: bytes={span}")
        visitor.ask("GET", target, "Range: bytes=0-9", version="HTTP/1.0")
    visitor.follow(visitor.get("/go"))
    visitor.ask("GET", "/go", version="HTTP/1.0")
    for code in (400, 401, 404, 413, 503):
        visitor.get(f"/error/{code}")
    visitor.get("/fail")
    visitor.get("/nowhere/at/all")
    visitor.ask("OPTIONS", "*")
