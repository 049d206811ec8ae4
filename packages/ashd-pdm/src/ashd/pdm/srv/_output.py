"""What REPL code prints goes to its client; what the rest of the daemon prints stays where it was.

While a command runs, `sys.stdout`, `sys.stderr` and `sys.stdin` are routers, which look at the
thread: one that runs a command gets its client's streams, every other one (a thread that the code
has started, too) what was there before. A router is taken out again when no command runs, if it is
still in place; when somebody has replaced or wrapped it meanwhile, it stays, and passes
everything on.

In a command `sys.stdin` is empty: a daemon's own can be anything, the socket that its requests come
from, say.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, cast

_local = threading.local()
_lock = threading.Lock()  # for _users and _routers
_users = 0
_routers: dict[str, Router] = {}


class ClientOutput(io.TextIOBase):
    """A text stream whose lines go to a client, each with a space in front. Used by one thread.

    A line that is longer than `longest` is broken, and an unfinished one is kept until its end
    comes.
    """

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True

    def __init__(self, send: Callable[[bytes], None], longest: int) -> None:
        self._send = send
        self._longest = longest
        self._partial = ""
        self.buffer = _Binary(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        for at in range(0, len(text), self._longest):
            self._write(text[at : at + self._longest])
        return len(text)

    def _write(self, text: str) -> None:
        *lines, self._partial = (self._partial + text).split("\n")
        if len(self._partial) > self._longest:
            lines.append(self._partial)
            self._partial = ""
        if lines:
            self._send("".join(f" {line}\n" for line in lines).encode(self.encoding, self.errors))

    def finish(self) -> None:
        """Send an unfinished line."""
        if self._partial:
            self._write("\n")

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Do nothing: the stream ends with its command."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("the output of a debug client has no descriptor")


class _Binary(io.RawIOBase):
    """The binary side of a `ClientOutput`."""

    def __init__(self, text: ClientOutput) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._text.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


nowhere = ClientOutput(lambda _data: None, 1 << 16)


class _EmptyInput(io.StringIO):
    """A standard input that is at its end. `exit()` closes it; this one doesn't mind."""

    def close(self) -> None:
        pass


class Router:
    """Stands in for one of the standard streams; see the module. `fallback` is what was there."""

    def __init__(self, name: str, fallback: TextIO | None) -> None:
        self._name = name
        self.fallback = fallback

    def _stream(self) -> TextIO:
        streams: dict[str, TextIO] | None = getattr(_local, "streams", None)
        stream = self.fallback if streams is None else streams[self._name]
        return cast("TextIO", nowhere) if stream is None else stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream(), name)

    # Special methods are looked up in the class only

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream())

    def __next__(self) -> str:
        return next(self._stream())

    def __enter__(self) -> TextIO:
        return self._stream().__enter__()

    def __exit__(self, *_: object) -> None:
        self._stream().close()


@contextmanager
def output_to(output: ClientOutput) -> Iterator[None]:
    """Let what this thread writes go to `output`; its standard input is empty."""
    _install()
    _local.streams = {"stdin": _EmptyInput(), "stdout": output, "stderr": output}
    try:
        yield
    finally:
        _local.streams = None
        _uninstall()


def _install() -> None:
    global _users  # noqa: PLW0603
    with _lock:
        _users += 1
        for name in ("stdin", "stdout", "stderr"):
            current = getattr(sys, name)
            if current is not _routers.get(name) or current is None:
                _routers[name] = Router(name, current)
                setattr(sys, name, _routers[name])


def _uninstall() -> None:
    global _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users:
            return
        for name, router in _routers.items():
            if getattr(sys, name) is router:
                setattr(sys, name, router.fallback)
        _routers.clear()


def _after_fork() -> None:
    """The thread that is left prints where the daemon prints."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _local.streams = None


os.register_at_fork(after_in_child=_after_fork)
