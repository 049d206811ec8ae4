"""A connection with a prompt: runs code, interrupts it, and asks the daemon for names."""

from __future__ import annotations

import ast
import importlib.resources
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ..._errors import PdmError
from ...cli import ReplClient, open_perf
from ...cli._connect import Closing
from .._connection import BUILT_IN
from .._text import clean_lines
from ._interrupts import Interrupts

MARK = "\x01pdm:"
"""What the answers to our own questions start with: no output of others looks like that."""

INTERRUPT_TIMEOUT = 5.0
"""Seconds that the daemon may take to interrupt: somebody waits at the prompt."""


class Left(BaseException):
    """The user has asked twice to interrupt: the connection is given up."""


class Session(Closing):
    """A prompt in a daemon, for the main thread. Use `close`, or `with`."""

    def __init__(self, target: str, worker: str | None, *, safe: bool = False) -> None:
        self._target = target
        self._worker = worker
        self._safe = safe
        self._interrupts: Interrupts | None = None
        self._connect()

    def _connect(self) -> None:
        self._client = ReplClient(self._target, worker=self._worker)
        try:
            self._id = self._find_id()
        except BaseException:
            self._client.close()
            raise

    def connect_again(self) -> None:
        """Begin anew, with an empty namespace."""
        self._client.close()
        self._connect()

    @contextmanager
    def interruptible(self, tell: Callable[[str], None]) -> Iterator[None]:
        """SIGINT interrupts what the daemon runs for us in here; a second one gives up."""
        with Interrupts(self._client.stream, self._interrupt, tell) as interrupts:
            self._interrupts = interrupts
            try:
                yield
            finally:
                self._interrupts = None

    def execute(self, code: str, output: Callable[[str], None]) -> bool:
        """Run code; `output` gets its lines, without control characters if the session is safe.
        False when it raised. KeyboardInterrupt when SIGINT came before, `Left` after a second one.
        """
        if self._interrupts is not None and self._interrupts.noted:
            raise KeyboardInterrupt
        if self._safe:
            return self._execute(code, lambda line: output(clean_lines(line)))
        return self._execute(code, output)

    def _execute(self, code: str, output: Callable[[str], None]) -> bool:
        interrupts = self._interrupts
        if interrupts is None:
            return self._client.execute(code, output)
        try:
            return self._client.execute(code, output, interrupts.wait)
        except PdmError:
            if interrupts.given_up:
                raise Left from None
            raise

    def _interrupt(self) -> bool | None:
        """Interrupt our code. False when that doesn't run (yet), None when the daemon can't."""
        try:
            with open_perf(self._target, worker=self._worker, timeout=INTERRUPT_TIMEOUT) as client:
                prompts = client.find(f"{BUILT_IN}.prompts")
                return any(prompts.by_worker("invoke", "interrupt", (self._id,), {}).values())
        except PdmError:
            return None

    def _find_id(self) -> str:
        """Return by what the daemon knows the code of this connection: process and thread."""
        question = "print(f\"{__import__('os').getpid()}.{__import__('threading').get_ident()}\")"
        lines: list[str] = []
        self._execute(question, lines.append)
        return lines[0] if lines else ""

    # Questions that leave no trace in the namespace

    def complete(self, text: str) -> tuple[int, list[str]]:
        """Return how many characters at the end of `text` are replaced, and by what. A connection
        that is lost completes nothing: running code says so.
        """
        with suppress(PdmError):
            match self._question("complete", text):
                case (int(length), list(names)):
                    return length, [name for name in map(str, names) if name.isprintable()]
        return 0, []

    def describe(self, text: str) -> list[str]:
        """Answer `NAME?` (what it is) and `NAME??` (its source)."""
        question = "source" if text.endswith("??") else "describe"
        found = self._question(question, text.rstrip("?").strip())
        return [clean_lines(str(line)) for line in found] if isinstance(found, list) else []

    def _question(self, function: str, text: str) -> object:
        remote = importlib.resources.files(__package__).joinpath("_remote.py")
        given = {"__name__": "ashd-pdm", "TEXT": text, "MARK": MARK}
        source = remote.read_text(encoding="utf-8")
        source += f"\nprint(MARK + ascii({function}(TEXT, NAMES)))\n"
        lines: list[str] = []
        with suppress(SyntaxError, ValueError), self.interruptible(lambda _line: None):
            self._execute(f"exec({source!r}, {{**{given!r}, 'NAMES': globals()}})", lines.append)
            for line in lines:
                if line.startswith(MARK):
                    return ast.literal_eval(line.removeprefix(MARK))
        return None

    def close(self) -> None:
        """Leave. Code that still runs is interrupted."""
        self._client.close()
