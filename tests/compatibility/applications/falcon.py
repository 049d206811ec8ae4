"""Falcon: media, streams, multipart forms, static routes, sinks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "Falcon"
DISTRIBUTION = "falcon"


class Show:
    """Says what Falcon has made of a request."""

    def on_get(self, request: Any, response: Any) -> None:
        response.media = {
            "uri": request.uri,
            "forwarded": request.forwarded_uri,
            "prefix": request.prefix,
            "parameters": request.params,
            "address": request.remote_addr,
            "accept": request.accept,
            "length": request.content_length,
        }

    def on_post(self, request: Any, response: Any) -> None:
        response.media = {"body": request.stream.read().decode("latin-1")}

    def on_put(self, request: Any, response: Any) -> None:
        response.media = {"body": request.bounded_stream.read().decode("latin-1")}

    def on_patch(self, request: Any, response: Any) -> None:
        response.media = request.media


class Form:
    """Reads a form with files."""

    def on_post(self, request: Any, response: Any) -> None:
        response.media = [
            [part.name, part.filename, len(part.stream.read())] for part in request.get_media()
        ]


class Stream:
    """Sends what has no known length, and what has one."""

    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.stream = (b"%d\n" % number for number in range(1000))

    def on_post(self, request: Any, response: Any) -> None:
        response.set_stream(io.BytesIO(bytes(100_000)), 100_000)


class Other:
    """Statuses, cookies, failures."""

    def on_get(self, request: Any, response: Any, code: int) -> None:
        import falcon

        if code == 999:
            raise ZeroDivisionError
        response.status = code
        response.set_cookie("name", "value", max_age=5, secure=False)
        if code >= 400:
            raise falcon.HTTPError(code, title="so", headers={"X-More": "more"})
        response.text = "text"


def make() -> Any:
    import falcon

    app = falcon.App()
    app.add_route("/show", Show())
    app.add_route("/form", Form())
    app.add_route("/stream", Stream())
    app.add_route("/code/{code:int}", Other())
    app.add_static_route("/static", str(Path(__file__).parent))
    return app


def visit(visitor: Visitor) -> None:
    visitor.get("/show?a=%C3%A9&b=1&b=2", "Accept: text/x")
    visitor.head("/show")
    visitor.ask("OPTIONS", "/show")
    visitor.ask("DELETE", "/show")
    for method in ("POST", "PUT"):
        visitor.ask(method, "/show", body=b"with a length")
        visitor.ask(method, "/show", body=[b"in ", b"chunks"])
        visitor.ask(method, "/show")
        visitor.expect(method, "/show", body=b"expected")
    visitor.ask("PATCH", "/show", "Content-Type: application/json", body=b'{"a": 1}')
    visitor.ask("PATCH", "/show", "Content-Type: application/json", body=[b'{"a"', b": 1}"])
    visitor.ask("PATCH", "/show", "Content-Type: application/json", body=b"{")
    visitor.ask("PATCH", "/show", "Content-Type: text/odd", body=b"{")
    visitor.upload("/form", {"a": "b"}, {"file": ("é", bytes(5_000_000))})
    visitor.get("/stream")
    visitor.head("/stream")
    visitor.ask("GET", "/stream", version="HTTP/1.0")
    visitor.ask("POST", "/stream")
    for code in (200, 201, 204, 301, 304, 400, 404, 416, 500, 503, 999):
        visitor.get(f"/code/{code}")
        visitor.head(f"/code/{code}")
    first = visitor.get("/static/falcon.py")
    visitor.head("/static/falcon.py")
    visitor.get("/static/falcon.py", f"If-None-Match: {first.header('ETag')}")
    visitor.get("/static/falcon.py", f"If-Modified-Since: {first.header('Last-Modified')}")
    for span in ("0-9", "-5", "99999999-"):
        visitor.get("/static/falcon.py", f"Range: bytes={span}")
    visitor.get("/static/../notesite/urls.py")
    visitor.get("/nowhere")
