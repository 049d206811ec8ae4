"""The descriptor that comes with a response's head: one stream socket is taken, all else closed."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from ashd.htparser._errors import ResponseError
from ashd.htparser._response import ResponseFramer
from ashd.htparser._switch import Handover
from ashdtest.processes import descriptors, no_descriptors

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nX-Ash-Switch: duplex\r\n\r\n"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Scene:
    """Both ends of a response socket, and some stream sockets to send."""

    def __init__(self, stack: ExitStack) -> None:
        self.ours, self.theirs = (stack.enter_context(sock) for sock in socket.socketpair())
        self.streams = [stack.enter_context(socket.socket()) for _ in range(3)]
        self.datagrams = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        self.file = os.open("/dev/null", os.O_RDWR)
        stack.callback(os.close, self.file)
        self.framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
        self.handover = Handover(self.framer)

    def send(self, data: bytes, *fds: int) -> None:
        rights = array.array("i", fds)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if fds else []
        self.theirs.sendmsg([data], ancillary)

    def receive(self) -> bytes:
        """Read all that there is, and return what the client gets."""
        output = b""
        with suppress(BlockingIOError):
            while data := self.handover.receive(self.ours, 1 << 16):
                output += self.framer.feed(data)
        return output


@pytest.fixture
def scene() -> Iterator[Scene]:
    before = descriptors()
    with ExitStack() as stack:
        yield Scene(stack)
    assert descriptors() == before


@contextmanager
def refused(scene: Scene, reason: str) -> Iterator[None]:
    inside = descriptors()
    with pytest.raises(ResponseError, match=reason):
        yield
    scene.handover.close()
    assert descriptors() == inside


def test_a_stream_socket_is_taken(scene: Scene) -> None:
    wanted = scene.streams[0].fileno()
    scene.send(HEAD[:20])
    scene.send(HEAD[20:], wanted)
    scene.receive()
    assert scene.framer.switched
    scene.handover.close()


def test_what_is_taken_belongs_to_the_taker(scene: Scene) -> None:
    scene.send(HEAD, scene.streams[0].fileno())
    scene.receive()
    with scene.handover.take() as sock:
        assert os.path.sameopenfile(sock.fileno(), scene.streams[0].fileno())
        assert not os.get_inheritable(sock.fileno())
        scene.handover.close()
        assert sock.fileno() >= 0


def test_a_head_without_a_descriptor(scene: Scene) -> None:
    scene.send(HEAD)
    with refused(scene, "no descriptor"):
        scene.receive()


def test_several_descriptors_are_none(scene: Scene) -> None:
    fds = [sock.fileno() for sock in scene.streams]
    scene.send(HEAD, *fds)
    with refused(scene, "several"):
        scene.receive()


def test_several_descriptors_one_by_one(scene: Scene) -> None:
    for position, sock in enumerate(scene.streams):
        scene.send(HEAD[position : position + 1], sock.fileno())
    scene.send(HEAD[3:])
    with refused(scene, "several"):
        scene.receive()


def test_other_files_than_stream_sockets(scene: Scene) -> None:
    listening = scene.streams[0]
    listening.listen()
    for fd in (scene.file, scene.datagrams.fileno(), listening.fileno()):
        framer = scene.framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
        scene.handover = Handover(framer)
        scene.send(HEAD, fd)
        with refused(scene, "not a stream socket"):
            scene.receive()


def test_no_descriptor_is_free(scene: Scene) -> None:
    scene.send(HEAD, scene.streams[0].fileno())
    with refused(scene, "none was free"), no_descriptors():
        scene.receive()


def test_another_response_closes_it(scene: Scene) -> None:
    inside = descriptors()
    scene.send(OTHER, scene.streams[0].fileno())
    assert scene.receive().startswith(b"HTTP/1.1 200 OK\r\n")
    scene.handover.close()
    assert descriptors() == inside
