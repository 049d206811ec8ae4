"""Ctrl-C at our client is remembered until what runs in the daemon has ended, whenever it comes."""

from __future__ import annotations

import io
import os
import pickle
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm.command.repl._run import PlainPrompt, converse, run_script
from ashd.pdm.command.repl._session import Left, Session

LOOP = "while True: pass"

Interrupts = Callable[[socket.socket, io.BufferedRWPair], None]
"""What a server does with its listening socket and the prompt when the client is interrupted."""


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def ignore(_line: str) -> None:
    pass


@pytest.fixture
def session(address: str) -> Iterator[Session]:
    with Session(address, None) as made:
        yield made


def test_between_statements(session: Session) -> None:
    with session.interruptible(ignore):
        assert session.execute("'first'", ignore)
        press()
        with pytest.raises(KeyboardInterrupt):
            session.execute(LOOP, ignore)
    assert session.execute("1", ignore)


@pytest.mark.untraceable
def test_while_output_is_shown(session: Session) -> None:
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        if line == "on":
            press()

    with session.interruptible(ignore):
        assert not session.execute(f"print('on')\n{LOOP}", show)
    assert lines[-1] == "KeyboardInterrupt"
    assert session.execute("1", ignore)


@pytest.mark.untraceable
def test_code_that_prints_all_the_time_ends_with_whole_lines(session: Session) -> None:
    lines: list[str] = []

    def show(line: str) -> None:
        lines.append(line)
        if len(lines) == 100:
            press()

    with session.interruptible(ignore):
        assert not session.execute("while True: print('x' * 50)", show)
    assert lines[-1] == "KeyboardInterrupt"
    assert "Traceback (most recent call last):" in lines
    assert session.execute("1", ignore)


@pytest.mark.untraceable
def test_twice_gives_up(session: Session, module: Any) -> None:
    module.over = threading.Event()
    code = f"import sys\nprint('on')\nsys.modules[{module.__name__!r}].over.wait()"
    try:
        with session.interruptible(lambda _line: press()), pytest.raises(Left):
            session.execute(code, lambda _line: press())
    finally:
        module.over.set()


@contextmanager
def server(place: Path, take_interrupts: Interrupts) -> Iterator[str]:
    """A server that is sent code; then its client is interrupted, and `take_interrupts` called."""
    path = str(place / "server")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening, take_interrupts))
        thread.start()
        yield path
        thread.join()


def serve(listening: socket.socket, take_interrupts: Interrupts) -> None:
    with prompt(listening) as stream:
        read_command(stream)
        press()
        take_interrupts(listening, stream)


@contextmanager
def prompt(listening: socket.socket) -> Iterator[io.BufferedRWPair]:
    """Take a client of a prompt, as far as it has been told its name."""
    sock, _ = listening.accept()
    with sock, sock.makefile("rwb") as stream:
        greet(stream, b"+REPL")
        read_command(stream)
        stream.write(b" 1.2\n+OK\n")
        stream.flush()
        yield stream


def find_the_code_running_late(listening: socket.socket, stream: io.BufferedRWPair) -> None:
    """The first interrupts find that the code that was sent doesn't run yet."""
    for answer in (False, False, True):
        other, _ = listening.accept()
        with other, other.makefile("rwb") as requests:
            greet(requests, b"+PERF1")
            while (request := read_request(requests))[0] != "invoke":
                answer_request(requests, [])
            assert request[2:] == ("interrupt", ("1.2",), {})
            answer_request(requests, answer)
    stream.write(b" KeyboardInterrupt\n+EXC\n")


def answer_nothing(listening: socket.socket, stream: io.BufferedRWPair) -> None:
    """Nothing is answered until the prompt is given up."""
    other, _ = listening.accept()
    with other:
        press()
        assert stream.read(1) == b""


def know_of_no_prompts(listening: socket.socket, stream: io.BufferedRWPair) -> None:
    """The server of another library has no object that interrupts; the prompt is given up."""
    other, _ = listening.accept()
    with other:
        other.sendall(b"-ERR no such protocol\n")
    assert stream.read(1) == b""


def give_up_and_come_back(listening: socket.socket, stream: io.BufferedRWPair) -> None:
    answer_nothing(listening, stream)
    with prompt(listening) as new:
        assert new.read() == b""


def greet(stream: io.BufferedRWPair, answer: bytes) -> None:
    stream.write(b"+PDM1\n")
    stream.flush()
    stream.readline()
    stream.write(answer + b"\n")
    stream.flush()


def read_command(stream: io.BufferedRWPair) -> None:
    while stream.readline() != b"\n":
        pass


def read_request(stream: io.BufferedRWPair) -> Any:
    (size,) = struct.unpack(">i", stream.read(4))
    return pickle.loads(stream.read(size))


def answer_request(stream: io.BufferedRWPair, value: object) -> None:
    data = pickle.dumps(("+", value))
    stream.write(struct.pack(">i", len(data)) + data)
    stream.flush()


def test_before_the_daemon_has_begun(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(place, find_the_code_running_late) as path, Session(path, None) as session:
        assert run_script(session, [LOOP, "print('never sent')"]) == 1
    assert capsys.readouterr().out == "KeyboardInterrupt\n"


@pytest.mark.parametrize("take_interrupts", [answer_nothing, know_of_no_prompts])
def test_a_daemon_that_cant_be_interrupted(place: Path, take_interrupts: Interrupts) -> None:
    with server(place, take_interrupts) as path, Session(path, None) as session:
        assert run_script(session, [LOOP, "print('never sent')"]) == 130


def test_a_conversation_goes_on_when_a_connection_was_given_up(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("while True: pass\n\n"))
    with server(place, give_up_and_come_back) as path, Session(path, None) as session:
        converse(session, PlainPrompt(session, None))
    assert "given up; this is a new one, and your names are gone" in capsys.readouterr().out
