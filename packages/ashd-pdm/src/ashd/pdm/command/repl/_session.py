"""A connection with a prompt: runs code, interrupts it, and asks the daemon for names.

Used by the main thread. `Session` owns the connection, and makes a new one when the old one had to
be given up.
"""

from __future__ import annotations

import ast
import importlib.resources
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import PdmError
from ashd.pdm.cli import PerfClient, ReplClient
from ashd.pdm.command._connection import BUILT_IN, PARENT
from ashd.pdm.command._text import clean_lines
from ashd.pdm.command.repl._source import without_empty_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

MARK = "\x01pdm:"
"""What the answers to our own questions start with: no output of others looks like that."""

INTERRUPT_TIMEOUT = 5.0
"""Seconds that the daemon may take to interrupt: somebody waits at the prompt."""


class Left(BaseException):
    """The user has asked twice to interrupt: the connection is given up."""


class Session:
    """A prompt in a daemon. Use `close`, or `with`."""

    def __init__(self, target: str, worker: str | None, *, safe: bool = False) -> None:
        self._target = target
        self._worker = worker
        self._safe = safe
        self._client = ReplClient(target, worker=worker)
        self._id: str | None = None

    def connect_again(self) -> None:
        """Begin anew, with an empty namespace."""
        self._client.close()
        self._client = ReplClient(self._target, worker=self._worker)
        self._id = None

    def execute(self, code: str, output: Callable[[str], None]) -> bool:
        """Run code; `output` gets its lines, without control characters if the session is safe.
        False when it raised. SIGINT interrupts it; `Left` after a second one.
        """
        if self._id is None:
            self._id = self._find_id()
        with self._interruptible(output):
            return self._client.execute(without_empty_lines(code), self._filtered(output))

    def _filtered(self, output: Callable[[str], None]) -> Callable[[str], None]:
        return (lambda line: output(clean_lines(line))) if self._safe else output

    @contextmanager
    def _interruptible(self, output: Callable[[str], None]) -> Iterator[None]:
        tried = False

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            nonlocal tried
            if tried or not self._interrupt():
                raise Left
            tried = True
            output("(interrupting; once more to give this connection up)")

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self) -> bool:
        """Ask the daemon to raise KeyboardInterrupt in our code, if that still runs. False when it
        doesn't know how.
        """
        inside = f"{BUILT_IN}.workers/{PARENT}/" if self._worker == PARENT else ""
        worker = None if inside else self._worker
        try:
            with PerfClient(self._target, worker=worker, timeout=INTERRUPT_TIMEOUT) as client:
                client.find(f"{inside}{BUILT_IN}.prompts").invoke("interrupt", self._id)
        except PdmError:
            return False
        return True

    def _find_id(self) -> str:
        """Return by what the daemon knows the code of this connection: process and thread."""
        question = "print(f\"{__import__('os').getpid()}.{__import__('threading').get_ident()}\")"
        answer = self._ask(question)
        return answer[0] if answer else ""

    def _ask(self, code: str) -> list[str]:
        lines: list[str] = []
        self._client.execute(code, lines.append)
        return lines

    # Questions that leave no trace in the namespace

    def complete(self, text: str) -> tuple[int, list[str]]:
        """Return how many characters at the end of `text` are replaced, and by what."""
        found = self._question("complete", text)
        if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], list):
            return int(found[0]), [name for name in map(str, found[1]) if name.isprintable()]
        return 0, []

    def describe(self, text: str) -> list[str]:
        """Answer `NAME?` (what it is) and `NAME??` (its source)."""
        question = "source" if text.endswith("??") else "describe"
        found = self._question(question, text.rstrip("?").strip())
        return [clean_lines(str(line)) for line in found] if isinstance(found, list) else []

    def _question(self, function: str, text: str) -> Any:
        source = f"{_remote_source()}print(MARK + ascii({function}(TEXT, NAMES)))\n"
        given = (
            f"{{'__name__': 'ashd-pdm', 'NAMES': globals(), 'TEXT': {text!r}, 'MARK': {MARK!r}}}"
        )
        code = f"exec({source!r}, {given})"
        with suppress(SyntaxError, ValueError):
            for line in self._ask(code):
                if line.startswith(MARK):
                    return ast.literal_eval(line.removeprefix(MARK))
        return None

    def close(self) -> None:
        """Leave. Code that still runs is interrupted."""
        self._client.close()

    def __enter__(self) -> Session:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _remote_source() -> str:
    path = importlib.resources.files(__package__).joinpath("_remote.py")
    return path.read_text(encoding="utf-8") + "\n"
