"""A Flask application whose requests are traced."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import flask
from opentelemetry import trace

application = flask.Flask(__name__)
tracer = trace.get_tracer("traced_app")


@application.get("/users/<int:number>")
def user(number: int) -> str:
    with tracer.start_as_current_span("look up"):
        logging.getLogger("traced_app").info("user %d", number)
    return f"user {number}"


@application.get("/stream")
def stream() -> flask.Response:
    def pieces() -> Iterator[bytes]:
        for number in range(3):
            with tracer.start_as_current_span(f"piece {number}"):
                yield b"."

    return flask.Response(pieces())
