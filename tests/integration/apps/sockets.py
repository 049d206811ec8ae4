"""Applications that take their clients' byte streams over, each in its own way: `/NAME`."""

from __future__ import annotations

import importlib
import os
import runpy
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
Start = Callable[..., Any]
EXAMPLES = Path(__file__).parents[3] / "examples"
UPGRADE = [("Upgrade", "echo")]


def note(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def echo(environ: Environ, _: Start) -> list[bytes]:
    """Send every byte back, until the client's end."""
    with environ["ashd.switch"](UPGRADE) as stream:
        repeat(stream)
    return []


def repeat(stream: socket.socket) -> None:
    while data := stream.recv(65536):
        stream.sendall(data)


def handed(environ: Environ, start_response: Start) -> list[bytes]:
    """Leave the stream to a thread, and return what nobody gets."""
    stream = environ["ashd.switch"](UPGRADE)

    def serve() -> None:
        with stream:
            repeat(stream)

    threading.Thread(target=serve, daemon=True).start()
    start_response("200 OK", [])
    return [b"nobody gets this"]


def elsewhere(environ: Environ, start_response: Start) -> list[bytes]:
    """Do it all in another thread, and wait for that."""
    thread = threading.Thread(target=echo, args=(environ, start_response))
    thread.start()
    thread.join()
    return []


def iterator(environ: Environ, _: Start) -> Iterator[bytes]:
    """Switch when the response is asked for."""
    with environ["ashd.switch"](UPGRADE) as stream:
        stream.sendall(stream.recv(100))
    yield b"nobody gets this"
    note("iterator went on")


def raises_before(environ: Environ, _: Start) -> list[bytes]:
    raise RuntimeError("planned before")


def raises_after(environ: Environ, _: Start) -> list[bytes]:
    stream = environ["ashd.switch"](UPGRADE)
    stream.sendall(b"planned")
    threading.Thread(target=stream.recv, args=(1,), daemon=True).start()  # who keeps it open
    raise RuntimeError("planned after")


def raw(environ: Environ, _: Start) -> list[bytes]:
    """Do as under gunicorn: write the head to its socket, bit by bit, and raise StopIteration."""
    stream = environ["gunicorn.socket"]
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
    for number in range(len(head)):
        stream.send(head[number : number + 1])
    stream.sendall(b"hello")
    stream.sendall(stream.recv(100))
    raise StopIteration


def wrong(environ: Environ, start_response: Start) -> list[bytes]:
    """Try what can't be done, and answer with the errors."""
    switch, raw_socket = environ["ashd.switch"], environ["werkzeug.socket"]
    attempts: list[Callable[[], object]] = [
        lambda: switch([]),
        lambda: switch([("Upgrade", "a\r\nb")]),
        lambda: switch([*UPGRADE, ("X", "a\r\nb")]),
        lambda: switch(None),
        lambda: switch(b"HTTP/1.1 101 Switching Protocols\r\n"),
        lambda: raw_socket.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),
        lambda: raw_socket.sendall(bytes(300_000)),
        lambda: raw_socket.recv(1),
        lambda: raw_socket.fileno().bit_length(),
        lambda: raw_socket.nothing,
    ]
    errors = "\n".join(map(error_of, attempts))
    raw_socket.close()
    start_response("200 OK", [("Content-Type", "text/plain")])(errors.encode())
    return [b"\n", error_of(lambda: switch(UPGRADE)).encode()]


def error_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def offered(environ: Environ, start_response: Start) -> list[bytes]:
    names = sorted(name for name in environ if name.endswith((".switch", ".socket")))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(names).encode()]


def busy(environ: Environ, start_response: Start) -> list[bytes]:
    """Go on for ever."""
    while True:
        threading.Event().wait(0.01)


def wsproto(environ: Environ, start_response: Start) -> Iterable[bytes]:
    example = runpy.run_path(str(EXAMPLES / "websocket/wsproto_echo.py"))
    result: Iterable[bytes] = example["application"](environ, start_response)
    return result


def flask(environ: Environ, start_response: Start) -> Iterable[bytes]:
    module = importlib.import_module("flask_sockets")  # it takes its time, which few tests need
    result: Iterable[bytes] = module.application(environ, start_response)
    return result


NAMED = (
    *(echo, handed, elsewhere, iterator, raises_before, raises_after),
    *(raw, wrong, offered, busy, wsproto),
)
APPLICATIONS: dict[str, Callable[[Environ, Start], Iterable[bytes]]] = {
    f"/{function.__name__}": function for function in NAMED
}


def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
    return APPLICATIONS.get(environ["PATH_INFO"], flask)(environ, start_response)
