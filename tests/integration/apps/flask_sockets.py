"""A Flask application that takes WebSockets by Flask-Sock: `/flask` sends messages back."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_sock import Sock

application = Flask(__name__)
sock = Sock(application)


def echo(ws: Any) -> None:
    while True:
        message = ws.receive()
        if message == "raise":
            raise RuntimeError("planned in Flask")
        ws.send(message)


sock.route("/flask")(echo)
