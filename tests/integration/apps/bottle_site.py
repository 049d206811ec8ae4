"""A Bottle application: routes, a form, a signed cookie, a file, a generator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bottle

SECRET = "only for tests"


def hello(name: str) -> object:
    return bottle.template("Hello, {{name}}!", name=name)


def form() -> dict[str, Any]:
    return dict(bottle.request.forms.decode())


def remember(value: str) -> str:
    bottle.response.set_cookie("kept", value, secret=SECRET, path="/")
    return "kept"


def recall() -> str:
    return str(bottle.request.get_cookie("kept", default="nothing", secret=SECRET))


def upload() -> str:
    file = bottle.request.files["file"]
    return f"{file.raw_filename} {len(file.file.read())}"


def file() -> object:
    path = Path(__file__)
    return bottle.static_file(path.name, root=str(path.parent), mimetype="text/x-python")


def lines(count: int) -> Iterator[bytes]:
    # Bytes, for to encode text Bottle looks at its `response`, which it finds in this thread only.
    bottle.response.content_type = "text/plain"
    for number in range(count):
        yield b"line %d\n" % number


application = bottle.Bottle()
application.route("/hello/<name>", callback=hello)
application.route("/form", "POST", form)
application.route("/remember/<value>", callback=remember)
application.route("/recall", callback=recall)
application.route("/upload", "POST", upload)
application.route("/file", callback=file)
application.route("/lines/<count:int>", callback=lines)
