"""Flask: forms, sessions, uploads, files, streams."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "Flask"
DISTRIBUTION = "flask"
VARIES = [rb"(?<=session=)[^;]+", rb'(?<=session":")[^"]+']


def make() -> Any:
    from flask import (
        Flask,
        Response,
        abort,
        flash,
        get_flashed_messages,
        jsonify,
        redirect,
        request,
        send_file,
        session,
        stream_with_context,
        url_for,
    )

    app = Flask(__name__, static_folder=str(Path(__file__).parent), static_url_path="/static")
    app.secret_key = "only for tests"
    app.config["MAX_CONTENT_LENGTH"] = 8_000_000

    @app.route("/", methods=["GET", "POST", "PUT"])
    def index() -> Any:
        return jsonify(
            url=request.url,
            base=request.base_url,
            root=request.url_root,
            remote=request.remote_addr,
            form=request.form.to_dict(flat=False),
            arguments=request.args.to_dict(flat=False),
            data=request.get_data(as_text=True),
            json=request.get_json(silent=True),
            cookies=request.cookies,
            languages=list(request.accept_languages.values()),
        )

    @app.post("/upload")
    def upload() -> Any:
        files = request.files.items(multi=True)
        found = [[key, f.filename, hashlib.sha256(f.read()).hexdigest()] for key, f in files]
        return jsonify(files=found, form=request.form)

    @app.post("/raw")
    def raw() -> Any:
        return jsonify([len(piece) for piece in iter(lambda: request.stream.read(65536), b"")][:1])

    @app.get("/count")
    def count() -> Any:
        session["count"] = session.get("count", 0) + 1
        flash(f"counted to {session['count']}")
        return ", ".join(map(str, get_flashed_messages()))

    @app.get("/stream")
    def stream() -> Any:
        def pieces() -> Iterator[str]:
            for number in range(100):
                yield f"{request.path} {number}\n"

        return Response(stream_with_context(pieces()), mimetype="text/plain")

    @app.get("/broken-stream")
    def broken_stream() -> Any:
        def pieces() -> Iterator[str]:
            yield "begun"
            raise RuntimeError("secret")

        return Response(pieces(), mimetype="text/plain")

    @app.get("/file")
    def file() -> Any:
        return send_file(__file__, conditional=True, max_age=60)

    @app.get("/memory")
    def memory() -> Any:
        data = io.BytesIO(bytes(range(256)) * 1000)
        return send_file(data, download_name="é.bin", as_attachment=True)

    @app.get("/go")
    def go() -> Any:
        return redirect(url_for("index", _external="external" in request.args), code=303)

    @app.get("/cookies")
    def cookies() -> Any:
        response = Response("two")
        response.set_cookie("a", "b", max_age=10, httponly=True, samesite="Lax")
        response.set_cookie("c", "d é", path="/x")
        response.delete_cookie("e")
        return response

    @app.get("/status/<int:code>")
    def status(code: int) -> Any:
        return Response("" if code in {204, 304} else "text", status=code)

    @app.get("/abort/<int:code>")
    def fail(code: int) -> Any:
        abort(code)

    @app.get("/broken")
    def broken() -> Any:
        raise RuntimeError("secret")

    @app.get("/etag")
    def etag() -> Any:
        response = Response("tagged")
        response.add_etag()
        return response.make_conditional(request)

    @app.get("/path/<path:rest>")
    def path(rest: str) -> Any:
        return jsonify(rest=rest, url=request.url)

    return app


def visit(visitor: Visitor) -> None:
    visitor.get("/")
    visitor.get("/?a=1&a=2&b=%C3%A9", "Accept-Language: de, en;q=0.5", "Cookie: x=y")
    visitor.head("/")
    visitor.ask("OPTIONS", "/")
    visitor.ask("DELETE", "/")
    visitor.post("/", {"a": "b c", "é": "ü"})
    visitor.ask("PUT", "/", "Content-Type: application/json", body=b'{"a": [1, 2]}')
    visitor.ask("POST", "/", "Content-Type: application/json", body=[b'{"a": ', b"[1, 2]}"])
    visitor.ask("POST", "/", body=[b"chunks "] * 1000)
    visitor.expect("POST", "/", body=b"expected")
    visitor.upload("/upload", {"x": "y"}, {"f": ("é", bytes(5_000_000)), "g": ("", b"")})
    visitor.upload("/upload", {"x": "y"}, {"f": ("too large", bytes(9_000_000))})
    visitor.get("/")
    visitor.ask("POST", "/raw", body=bytes(3_000_000))
    visitor.ask("POST", "/raw", body=[bytes(100_000)] * 30)
    for _ in range(3):
        visitor.get("/count")
    visitor.get("/stream")
    visitor.head("/stream")
    visitor.ask("GET", "/stream", version="HTTP/1.0")
    visitor.get("/broken-stream")
    files(visitor)
    visitor.follow(visitor.get("/go"))
    visitor.get("/go?external")
    visitor.get("/cookies")
    for code in (200, 201, 202, 204, 206, 302, 304, 400, 404, 418, 451, 500, 503, 599):
        visitor.get(f"/status/{code}")
        visitor.head(f"/status/{code}")
    for code in (400, 401, 403, 404, 405, 410, 413, 429, 500, 501):
        visitor.get(f"/abort/{code}")
    visitor.get("/broken")
    visitor.head("/broken")
    for rest in ("a/b", "a%2Fb", "a//b", "%C3%A9%20", "a+b", "a;b", "%25", "./x", "%2e%2e/x"):
        visitor.get(f"/path/{rest}")
    visitor.get("/path/")


def files(visitor: Visitor) -> None:
    for target in ("/file", "/static/flask.py", "/memory", "/etag"):
        first = visitor.get(target)
        visitor.head(target)
        visitor.get(target, f"If-None-Match: {first.header('ETag') or '*'}")
        visitor.head(target, f"If-None-Match: {first.header('ETag') or '*'}")
        if modified := first.header("Last-Modified"):
            visitor.get(target, f"If-Modified-Since: {modified}")
        for span in ("0-0", "5-", "-5", "99999999-", "1-2,4-5"):
            visitor.get(target, f"Range: bytes={span}")
        visitor.ask("GET", target, version="HTTP/1.0")
    visitor.get("/static/nothing")
    visitor.get("/static/../pyproject.toml")
