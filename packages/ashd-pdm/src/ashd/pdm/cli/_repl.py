"""The client of the protocol `repl`. Used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable

from .._errors import ConnectionLost, PdmError
from ._connect import Client, connect
from ._target import Target

MAX_LINE = 1 << 20
"""Bytes of an output line that are taken; our servers break lines long before."""


class RemoteError(PdmError):
    """The code raised an exception. `output` is what it printed, with the traceback."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class ReplClient(Client):
    """A prompt in another process, in a chosen `worker` process of a server that has several.

    Use `close`, or `with`: what runs there when the client leaves is interrupted.
    """

    def __init__(self, target: str | Target, *, worker: str | None = None) -> None:
        super().__init__(connect(target, "repl", worker=worker))

    def execute(
        self, code: str, output: Callable[[str], None], wait: Callable[[], None] = lambda: None
    ) -> bool:
        """Run `code`; call `output` with each line (without its end) as it comes, and `wait` before
        each one. False when the code raised.
        """
        self.stream.send(_command(code))
        while True:
            wait()
            line = self.stream.read_line(MAX_LINE, None)
            if line is None:
                raise ConnectionLost("the server closed the connection")
            text = line.decode("utf-8", "replace")
            if text.startswith(" "):
                output(text[1:])
            elif text in ("+OK", "+EXC"):
                return text == "+OK"
            else:
                raise PdmError(f"the server refused: {text.removeprefix('-ERR ')}")

    def run(self, code: str) -> str:
        """Run `code` and return its output; `RemoteError` when it raised."""
        lines: list[str] = []
        done = self.execute(code, lines.append)
        text = "".join(f"{line}\n" for line in lines)
        if not done:
            raise RemoteError(text)
        return text


def _command(code: str) -> bytes:
    """An empty line would end the command: one with a space in it means the same to Python.

    (In a string of several lines it doesn't: there the space becomes part of the string.)
    """
    text = code.replace("\r\n", "\n").strip("\n")
    while "\n\n" in text:
        text = text.replace("\n\n", "\n \n")
    return text.encode("utf-8", "surrogatepass") + b"\n\n"
