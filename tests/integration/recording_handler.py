"""A root handler that answers each request with what has reached it, as JSON; text is latin-1."""

from __future__ import annotations

import json

from ashd.proto import Request, recv_request


def answer(request: Request) -> None:
    body = b"".join(iter(lambda: request.socket.recv(1 << 16), b""))
    strings = [request.method, request.url, request.version, request.rest, body]
    record = {
        "strings": [text.decode("latin-1") for text in strings],
        "headers": [[part.decode("latin-1") for part in field] for field in request.headers],
    }
    content = json.dumps(record).encode("ascii")
    head = b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(content)
    request.socket.sendall(head + content)


if __name__ == "__main__":
    while (request := recv_request(0)) is not None:
        with request:
            answer(request)
