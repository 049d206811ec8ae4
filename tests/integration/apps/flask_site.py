"""A Flask application: a form, a session, uploads, files, a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, abort, redirect, request, send_file, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from ashdtest.processes import wait_until

application = Flask(__name__)
application.secret_key = "only for tests"


@application.get("/")
def index() -> str:
    return f"Hello, {session.get('name', 'stranger')}!"


@application.post("/login")
def login() -> BaseResponse:
    session["name"] = request.form["name"]
    return redirect(url_for("index"))


@application.get("/counter")
def counter() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@application.post("/upload")
def upload() -> dict[str, object]:
    return {
        file.filename or "": [len(data), hashlib.sha256(data).hexdigest()]
        for file in request.files.getlist("file")
        for data in [file.stream.read()]
    }


@application.get("/stream")
def stream() -> Response:
    gate = Path(request.args["gate"])

    def lines() -> Iterator[str]:
        yield "before\n"
        wait_until(gate.exists)
        yield "after\n"

    return Response(lines(), mimetype="text/plain")


@application.get("/file")
def file() -> Response:
    return send_file(__file__, mimetype="text/x-python", conditional=True)


@application.get("/url/<path:rest>")
def url(rest: str) -> str:
    return f"{rest}|{request.url}"


@application.get("/forbidden")
def forbidden() -> str:
    abort(403)


@application.get("/broken")
def broken() -> str:
    raise RuntimeError("secret details")
