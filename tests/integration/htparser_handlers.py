"""A root handler for the tests of front ends; what it does depends on the first part of the URL.

Each request runs in a thread of its own. What a test must be able to see of a request that gets no
answer is written to stderr.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ashd.proto import Request, recv_request

PIECE = b"0123456789abcdef" * 4096


def note(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def answer(request: Request, body: bytes, status: bytes = b"200 OK") -> None:
    head = b"HTTP/1.1 %b\nContent-Length: %d\n\n" % (status, len(body))
    request.socket.sendall(head + body)


def read_body(request: Request) -> bytes:
    pieces = []
    while piece := request.socket.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def wait_for(sock: socket.socket, events: int) -> int:
    poll = select.poll()
    poll.register(sock, events)
    return poll.poll()[0][1]


def argument(request: Request) -> str:
    return urllib.parse.unquote(request.url.partition(b"?")[2].decode("ascii"))


def echo(request: Request) -> None:
    """Answer with the request itself."""
    body = read_body(request)
    fields = [b": ".join(field) for field in request.headers]
    head = [request.method, request.url, request.version, request.rest, *fields, b"", b""]
    answer(request, b"\n".join(head) + body)


def raw(request: Request) -> None:
    """Answer with exactly the body of the request."""
    request.socket.sendall(read_body(request))


def chunked(request: Request) -> None:
    """Answer with a number of bytes whose number isn't announced."""
    read_body(request)
    request.socket.sendall(b"HTTP/1.1 200 OK\n\n")
    send_bytes(request, int(argument(request)))


def length(request: Request) -> None:
    """Answer with a number of bytes."""
    size = int(argument(request))
    request.socket.sendall(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % size)
    send_bytes(request, size)


def send_bytes(request: Request, size: int) -> None:
    try:
        while size > 0:
            size -= request.socket.send(PIECE[:size])
    except ConnectionError:
        note("stopped " + request.rest.decode("ascii"))


def count(request: Request) -> None:
    """Answer with the size of the body; note when it was cut."""
    size = 0
    while piece := request.socket.recv(1 << 18):
        size += len(piece)
    if wait_for(request.socket, select.POLLIN) & select.POLLHUP:
        note(f"cut {request.rest.decode('ascii')} {size}")
    else:
        answer(request, b"%d" % size)


def wait(request: Request) -> None:
    """Take the body and answer nothing until the client has left."""
    read_body(request)
    note("waiting")
    wait_for(request.socket, 0)
    note("left " + request.rest.decode("ascii"))


def stuck(request: Request) -> None:
    """Take nothing, and answer nothing until the client has left."""
    note("waiting")
    wait_for(request.socket, 0)
    note("left " + request.rest.decode("ascii"))


def gate(request: Request) -> None:
    """Answer when somebody has written to the FIFO; only then is the body read."""
    note("waiting")
    text = Path(argument(request)).read_bytes()
    answer(request, text + b"%d" % len(read_body(request)))


def stream(request: Request) -> None:
    """Answer at once; go on with what comes through the FIFO."""
    request.socket.sendall(b"HTTP/1.1 200 OK\n\nbegin ")
    request.socket.sendall(Path(argument(request)).read_bytes())


def early(request: Request) -> None:
    """Answer without a look at the body."""
    answer(request, b"early")


def early_reader(request: Request) -> None:
    """Answer first, and read the body then."""
    answer(request, b"early")
    note(f"read {len(read_body(request))}")


def deaf(request: Request) -> None:
    """Say that the body isn't wanted, and answer when somebody has written to the FIFO."""
    request.socket.shutdown(socket.SHUT_RD)
    note("waiting")
    answer(request, Path(argument(request)).read_bytes())


def surplus(request: Request) -> None:
    """Answer, and write more than that when the body begins to come."""
    answer(request, b"abc")
    request.socket.recv(1)
    request.socket.sendall(b"def")
    note("surplus")
    read_body(request)


def write_on(request: Request, begin: bytes, piece: bytes) -> None:
    """Write, again and again, until the front end has had enough."""
    with suppress(ConnectionError):
        request.socket.sendall(begin)
        while True:
            request.socket.sendall(piece)


def swollen(request: Request) -> None:
    """Answer with a head without end."""
    write_on(request, b"HTTP/1.1 200 OK\n", b"X-Padding: " + b"x" * 60_000 + b"\n")


def hinting(request: Request) -> None:
    """Announce an answer without end."""
    write_on(request, b"", b"HTTP/1.1 103 Early Hints\nLink: </a>\n\n" * 1000)


def talkative(request: Request) -> None:
    """Answer, and write on after the end."""
    write_on(request, b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", PIECE)


def cut(request: Request) -> None:
    """Begin an answer without a length, and drop it while a part of the body is unread."""
    wait_for(request.socket, select.POLLIN)
    request.socket.sendall(b"HTTP/1.1 200 OK\n\nabc")


def lull(request: Request) -> None:
    """Answer with a head, and go no further until the client has left."""
    request.socket.sendall(b"HTTP/1.1 200 OK\n\n")
    wait_for(request.socket, 0)


def chunks(request: Request) -> None:
    """Answer with chunks of its own; the URL says how that goes on after the first one."""
    request.socket.sendall(b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n")
    how = argument(request)
    if how == "kill":
        Path(os.environ["FIFO"]).read_bytes()
        os.kill(os.getpid(), signal.SIGKILL)
    request.socket.sendall(CHUNKS_GO_ON[how])


CHUNKS_GO_ON = {
    "whole": b"3\r\ndef\r\n0\r\n\r\n",
    "cut": b"3\r\nde",
    "malformed": b"3\r\ndefg\r\n0\r\n\r\n",
}


def silent(request: Request) -> None:
    """Answer nothing at all."""


def descriptors(request: Request) -> None:
    """Answer with the descriptors of this process and its session."""
    found = sorted(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    session = os.getsid(0) == os.getpid()
    syslog = os.environ.get("ASHD_USESYSLOG", "unset")
    answer(request, f"{found} {session} {syslog}".encode())


def sleep(request: Request) -> None:
    """Stop this whole process from receiving, until the client has left."""
    stuck(request)


HANDLERS: dict[bytes, Callable[[Request], None]] = {
    function.__name__.encode(): function
    for function in (
        *(echo, raw, chunked, length, count, wait, stuck, gate, stream, early, cut, silent),
        *(descriptors, sleep, lull, early_reader, chunks, deaf, surplus),
        *(swollen, hinting, talkative),
    )
}


def serve(request: Request) -> None:
    with request:
        HANDLERS[request.rest.partition(b"/")[0]](request)


def main() -> None:
    while request := recv_request():
        if request.rest == b"sleep":
            serve(request)
        elif request.rest == b"exit":
            sys.exit(int(argument(request)))
        else:
            threading.Thread(target=serve, args=(request,)).start()


if __name__ == "__main__":
    main()
