"""Suspends its responses, each in its own way: `/NAME`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Environ = dict[str, Any]


def timer(environ: Environ) -> Iterator[bytes]:
    for number in range(3):
        threading.Timer(0.3, environ["ashd.suspend"]()).start()
        yield b""
        yield b"%d" % number


def resumed_early(environ: Environ) -> Iterator[bytes]:
    resume = environ["ashd.suspend"]()
    resume()
    resume()
    yield b""
    yield b"early"
    resume()


def in_the_call(environ: Environ) -> Iterable[bytes]:
    """Suspend before there is an iterator."""
    threading.Timer(0.1, environ["ashd.suspend"]()).start()
    return iter([b"", b"in ", b"", b"time"])


def upload(environ: Environ) -> Iterator[bytes]:
    """Take the body when something else is done; meanwhile it comes."""
    threading.Timer(0.3, environ["ashd.suspend"]()).start()
    yield b""
    size = 0
    while piece := environ["wsgi.input"].read(1 << 16):
        size += len(piece)
    yield b"%d" % size


def elsewhere(environ: Environ) -> Iterator[bytes]:
    errors = []

    def suspend() -> None:
        try:
            environ["ashd.suspend"]()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=suspend)
    thread.start()
    thread.join()
    yield "".join(errors).encode()


def left(environ: Environ) -> Iterator[bytes]:
    """Wait for ever, and tell when that ends."""
    yield b"waiting"
    try:
        while True:
            environ["ashd.suspend"]()
            yield b""
    finally:
        print("closed", environ["PATH_INFO"], file=environ["wsgi.errors"], flush=True)


NAMED = (timer, resumed_early, in_the_call, upload, elsewhere, left)
RESPONSES: dict[str, Callable[[Environ], Iterable[bytes]]] = {
    f"/{function.__name__}": function for function in NAMED
}


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return RESPONSES[environ["PATH_INFO"]](environ)
