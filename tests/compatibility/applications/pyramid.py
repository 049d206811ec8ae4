"""Pyramid: views, sessions, static files, WebOb's reading of bodies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "Pyramid"
DISTRIBUTION = "pyramid"
VARIES = [rb"(?<=session=)[^;]+", rb"(?<=Max-Age=20; Path=/; expires=)[^;]+"]


def make() -> Any:
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPForbidden, HTTPFound
    from pyramid.response import FileResponse, Response
    from pyramid.session import SignedCookieSessionFactory

    def show(request: Any) -> Any:
        return {
            "url": request.url,
            "application": request.application_url,
            "method": request.method,
            "query": dict(request.GET),
            "form": {key: str(value) for key, value in request.POST.items()},
            "body": request.body.decode("latin-1"),
            "client": request.client_addr,
        }

    def count(request: Any) -> Any:
        request.session["count"] = request.session.get("count", 0) + 1
        return Response(str(request.session["count"]))

    def upload(request: Any) -> Any:
        stored = request.POST["file"]
        return {"name": stored.filename, "sum": sum(stored.file.read())}

    def stream(request: Any) -> Any:
        return Response(app_iter=(b"%d\n" % n for n in range(1000)), content_type="text/plain")

    def pieces(request: Any) -> Any:
        response = Response(content_type="text/plain")
        response.app_iter = [b"one", b"two"]
        response.content_length = 6
        response.conditional_response = True
        response.etag = "constant"
        return response

    def cookie(request: Any) -> Any:
        response = Response("set")
        response.set_cookie("a", "b", max_age=20)
        response.delete_cookie("c")
        return response

    def fail(request: Any) -> Any:
        raise ZeroDivisionError

    def forbid(request: Any) -> Any:
        raise HTTPForbidden

    views = {
        "show": (show, "json"),
        "upload": (upload, "json"),
        "count": (count, None),
        "stream": (stream, None),
        "pieces": (pieces, None),
        "cookie": (cookie, None),
        "fail": (fail, None),
        "forbid": (forbid, None),
        "file": (lambda request: FileResponse(__file__, request), None),
        "go": (lambda request: HTTPFound(request.route_url("show")), None),
        "text": (lambda request: "café", "string"),
    }
    with Configurator() as config:
        config.set_session_factory(SignedCookieSessionFactory("only for tests"))
        for name, (view, renderer) in views.items():
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name, renderer=renderer)
        config.add_static_view("static", str(Path(__file__).parent))
        return config.make_wsgi_app()


def visit(visitor: Visitor) -> None:
    visitor.get("/show?a=%C3%A9&b=2")
    visitor.head("/show")
    visitor.post("/show", {"name": "Zoë", "x": "y z"})
    visitor.ask("POST", "/show", body=[b"in", b"chunks"])
    visitor.ask("PUT", "/show", "Content-Type: text/plain", body=b"put")
    visitor.ask("DELETE", "/show")
    visitor.expect("POST", "/show", body=b"expected")
    visitor.upload("/upload", {"a": "b"}, {"file": ("é", bytes(range(256)) * 20_000)})
    for _ in range(2):
        visitor.get("/count")
    for target in ("/stream", "/pieces", "/file", "/static/pyramid.py", "/text", "/cookie"):
        first = visitor.get(target)
        visitor.head(target)
        visitor.ask("GET", target, version="HTTP/1.0")
        visitor.ask("GET", target, "Connection: keep-alive", version="HTTP/1.0")
        visitor.get(target, f"If-None-Match: {first.header('ETag') or '*'}")
        visitor.get(target, "Range: bytes=1-3")
        if modified := first.header("Last-Modified"):
            visitor.get(target, f"If-Modified-Since: {modified}")
    visitor.follow(visitor.get("/go"))
    for target in ("/fail", "/forbid", "/nowhere", "/static/nothing", "/static", "/%FF"):
        visitor.get(target)
        visitor.head(target)
