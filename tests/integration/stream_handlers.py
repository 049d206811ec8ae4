"""A root handler that takes its clients' byte streams over, by the public means of ashd.util.

The first part of the URL says what it does then, and what is sent wrongly before. Each stream has a
thread of its own, which notes on stderr what it has seen when it ends. At the end of the handler's
socket the program ends, and so do its streams.
"""

from __future__ import annotations

import array
import os
import runpy
import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ashd.proto import Request
from ashd.util import respond, send_switch, serve_loop, switch_protocol

EXAMPLES = Path(__file__).parents[2] / "examples"
HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
PIECE = bytes(range(256)) * 256


def note(text: str) -> None:
    os.write(2, f"{text}\n".encode())


# What is done with a stream


def echo(stream: socket.socket, _: Request) -> None:
    """Send everything back, and end when the client does."""
    while piece := stream.recv(1 << 16):
        stream.sendall(piece)
    note("echo ended")


def sink(stream: socket.socket, request: Request) -> None:
    """Begin to read when somebody opens the FIFO; send the number of bytes at their end."""
    stream.sendall(b"ready")
    Path(request.url.partition(b"?")[2].decode()).read_bytes()
    size = 0
    while piece := stream.recv(1 << 16):
        size += len(piece)
    note(f"sink: {size}")
    with suppress(ConnectionError):
        stream.sendall(b"%d" % size)


def source(stream: socket.socket, request: Request) -> None:
    """Send so many bytes, and end."""
    left = int(request.url.partition(b"?")[2])
    try:
        while left:
            left -= stream.send(PIECE[:left])
    except ConnectionError:
        note("source was cut")


def half(stream: socket.socket, _: Request) -> None:
    """End first, and read what still comes."""
    stream.sendall(b"bye")
    stream.shutdown(socket.SHUT_WR)
    with stream.makefile("rb") as reader:
        note(f"after the end: {reader.read()!r}")


def deaf(stream: socket.socket, _: Request) -> None:
    """Read nothing more, and send something after a byte of the client."""
    stream.recv(1)
    stream.shutdown(socket.SHUT_RD)
    stream.sendall(b"deaf")
    select_forever(stream)


def hold(stream: socket.socket, _: Request) -> None:
    """Neither read nor send until the client's end."""
    note("holding")
    select_forever(stream)
    note("held")


def select_forever(stream: socket.socket) -> None:
    poll = select.poll()
    poll.register(stream, select.POLLRDHUP)
    poll.poll()


def die(stream: socket.socket, _: Request) -> None:
    """Have this process killed in the middle of the stream."""
    stream.sendall(b"dying")
    stream.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


# What is sent wrongly


def wrong(request: Request) -> None:
    """Answer with a switch that isn't one."""
    how = request.rest.partition(b"/")[2].decode()
    with socket.socket() as a, socket.socket() as b, Path(os.devnull).open("rb") as file:
        fds = {"none": [], "two": [a.fileno(), b.fileno()], "file": [file.fileno()]}
        head = HEAD if how == "plain" else HEAD[:-2] + b"X-Ash-Switch: duplex\r\n\r\n"
        if how == "200":
            head = head.replace(b"101 Switching Protocols", b"200 OK\r\nContent-Length: 0")
        rights = array.array("i", fds.get(how, [a.fileno()]))
        request.socket.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def proxy(request: Request) -> None:
    """Connect the client with a server at a port of this machine."""
    port = int(request.url.partition(b"?")[2])
    with socket.create_connection(("127.0.0.1", port)) as server:
        send_switch(request, HEAD, server)


def hints(request: Request) -> None:
    """Send some interim responses, and then the body of the request."""
    body = request.stream.read() if request.method == b"POST" else b"done"
    for _ in range(int(request.url.partition(b"?")[2])):
        request.socket.sendall(b"HTTP/1.1 100 Continue\n\n")
        request.socket.sendall(b"HTTP/1.1 103 Early Hints\nLink: </a>\n\n")
    respond(request, body)


STREAMS: dict[bytes, Callable[[socket.socket, Request], None]] = {
    function.__name__.encode(): function for function in (echo, sink, source, half, deaf, hold, die)
}
REQUESTS: dict[bytes, Callable[[Request], None]] = {
    function.__name__.encode(): function for function in (wrong, proxy, hints)
}
REQUESTS[b"websocket"] = runpy.run_path(str(EXAMPLES / "websocket/echo.py"))["serve"]


def serve(request: Request) -> None:
    name = request.rest.lstrip(b"/").partition(b"/")[0]
    with request:
        if name in REQUESTS:
            REQUESTS[name](request)
        elif name in STREAMS:
            if request.method == b"POST":  # else the body, if there is one, is lost
                note(f"body: {request.stream.read()!r}")
            with switch_protocol(request, HEAD) as stream:
                STREAMS[name](stream, request)
        else:
            respond(request, "no stream")


def handle(request: Request) -> None:
    threading.Thread(target=serve, args=(request.dup(),), daemon=True).start()


if __name__ == "__main__":
    serve_loop(handle)
