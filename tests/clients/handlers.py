"""A dispatcher as a user of ashd-proto might write it: all public modules of that distribution."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import assert_type

from ashd.accesslog import COMBINED, AccessFormat, AccessLog, Entry, FormatError, LogFile
from ashd.htparser import check_portspec, listen
from ashd.htparser import main as front_end
from ashd.log import JSON, configure_logging, make_stderr_lossy
from ashd.proto import (
    Error,
    Headers,
    ProtocolError,
    QueueFullError,
    Receiver,
    Request,
    decode_request,
    encode_request,
    protoerr,
    recv_request,
    req,
    send_request,
)
from ashd.util import (
    PersistentChild,
    Response,
    call_handler,
    pchild,
    respond,
    serve_loop,
    spawn_handler,
    stdfork,
    switch_protocol,
)

CHILDREN = {b"wiki": PersistentChild(["ashd-wsgi", Path("wiki")], cwd="/srv", timeout=5)}


def handle(request: Request) -> None:
    """Answer, or pass on."""
    for name, child in CHILDREN.items():
        if request.match(name + b"/"):
            try:
                child.pass_request(request, wait=False)
            except QueueFullError:
                respond(request, "Busy.\n", "503 Service Unavailable", "text/plain; charset=utf-8")
            return
    assert_type(request.headers, list[tuple[bytes, bytes]])
    assert_type(request.get("Host"), bytes | None)
    assert_type(request["Host"], bytes)
    assert_type(request.get_all(b"Cookie"), list[bytes])
    if "Upgrade" in request:
        with switch_protocol(request, b"HTTP/1.1 101 Switching Protocols\r\n\r\n") as stream:
            stream.sendall(stream.recv(100))
    else:
        respond(request, {"not": "only text"}, content_type="text/plain; charset=utf-8")
    with request.dup() as other:
        assert_type(other.sk.read(5), bytes)


def receive(sock: socket.socket) -> None:
    """Receive by hand."""
    receiver = Receiver(sock, timestamps=True)
    while True:
        try:
            request = receiver.receive()
        except ProtocolError as error:
            logging.warning("%s: %d", error, error.status)
            continue
        if request is None:
            break
        with request:
            assert_type(request.arrival_ns, int | None)
            send_request(sock, request)


def wire() -> None:
    """Encode and decode."""
    headers: Headers = [(b"Host", b"localhost")]
    datagram = encode_request(b"GET", b"/", b"HTTP/1.1", b"", headers)
    method, url, version, rest, decoded = decode_request(datagram)
    assert_type(method + url + version + rest, bytes)
    assert_type(decoded, Headers)
    process, sock = spawn_handler(["./hello.py"], env={"LANG": "C"})
    answer = call_handler(sock, b"/", timeout=3.0)
    assert_type(answer, Response)
    assert_type((answer.status, answer.body), tuple[int, bytes])
    sock.close()
    process.wait()


def original() -> None:
    """The names of the original library."""
    child = pchild(["./hello.py"], autorespawn=True)
    request = recv_request(stdfork(["./hello.py"]))
    if request is not None:
        assert_type(request, req)
        try:
            child.passreq(request)
        except protoerr:
            child.close()
        assert_type(request.ver, bytes)


def log(entry: Entry) -> None:
    """Write lines of an access log."""
    try:
        form = AccessFormat(COMBINED)
    except FormatError as error:
        raise SystemExit(str(error)) from error
    lines = AccessLog(LogFile("/var/log/access"), form)
    lines.add(entry)
    lines.tick()
    lines.close()
    assert_type(form.lines([entry]), list[bytes])


def main() -> int:
    """Serve requests, or be a front end."""
    make_stderr_lossy()
    configure_logging("clients", JSON)
    check_portspec("plain:port=8080")
    for sock in listen("plain:port=8080"):
        assert_type(sock, socket.socket)
    try:
        serve_loop(handle)
    except Error as error:
        logging.error("%s", error)
    return front_end(["plain:port=8080", "--", "./hello.py"])
