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
from typing import IO, Any, TextIO, cast

_local = threading.local()
_lock = threading.Lock()  # for _users and _routers
_users = 0
_routers: dict[str, Router] = {}


class ClientOutput(io.RawIOBase):
    """Sends lines to a client, each with a space in front; `text` is the text stream on top of it.
    Used by one thread.

    A line of more than `longest` characters is broken, and an unfinished one is kept until its end
    comes.
    """

    def __init__(self, send: Callable[[bytes], None], longest: int) -> None:
        self._send = send
        self._longest = longest
        self._partial = ""
        self.text = io.TextIOWrapper(
            cast("IO[bytes]", self), "utf-8", "backslashreplace", newline="\n", write_through=True
        )

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        text = bytes(data).decode("utf-8", "backslashreplace")
        for at in range(0, len(text), self._longest):
            self._write(text[at : at + self._longest])
        return len(data)

    def _write(self, text: str) -> None:
        *lines, self._partial = (self._partial + text).split("\n")
        if len(self._partial) > self._longest:
            lines.append(self._partial)
            self._partial = ""
        if lines:
            self._send("".join(f" {line}\n" for line in lines).encode())

    def finish(self) -> None:
        """Send an unfinished line."""
        if self._partial:
            self._write("\n")

    def close(self) -> None:
        """Do nothing: the stream ends with its command."""


class _EmptyInput(io.StringIO):
    """A standard input that is at its end. `exit()` closes it; this one doesn't mind."""

    def close(self) -> None:
        pass


nowhere = ClientOutput(lambda _data: None, 1 << 16)


class Router:
    """Stands in for one of the standard streams; see the module. `fallback` is what was there."""

    def __init__(self, name: str, fallback: TextIO | None) -> None:
        self._name = name
        self.fallback = fallback

    def __getattr__(self, name: str) -> Any:
        streams: dict[str, TextIO] = getattr(_local, "streams", {})
        return getattr(streams.get(self._name, self.fallback) or nowhere.text, name)


def _forward(name: str) -> Callable[..., Any]:
    return lambda router, *args: router.__getattr__(name)(*args)


for _name in ("__iter__", "__next__", "__enter__", "__exit__"):  # are looked up in the class only
    setattr(Router, _name, _forward(_name))


@contextmanager
def output_to(output: ClientOutput) -> Iterator[None]:
    """Let what this thread writes go to `output`; its standard input is empty."""
    _install()
    _local.streams = {"stdin": _EmptyInput(), "stdout": output.text, "stderr": output.text}
    try:
        yield
    finally:
        vars(_local).clear()
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
        if not _users:
            for name, router in _routers.items():
                if getattr(sys, name) is router:
                    setattr(sys, name, router.fallback)
            _routers.clear()


def _after_fork() -> None:
    """The thread that is left prints where the daemon prints."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    vars(_local).clear()


os.register_at_fork(after_in_child=_after_fork)
