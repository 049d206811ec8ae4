"""The protocol `repl`: commands in, output lines and a status out.

One thread serves the connection and runs its commands; a second one watches for the client to
leave, and interrupts the command that runs then.
"""

from __future__ import annotations

import threading
from functools import partial

from .._errors import ConnectionLost, ProtocolError
from .._limits import Limits
from .._stream import Stream
from ..perf._prompts import running_prompt
from ._console import Console
from ._interrupt import Interrupted, Interruptible
from ._output import ClientOutput, nowhere, output_to


class ReplConnection:
    """Serves one client until it leaves. The stream is the caller's."""

    def __init__(self, stream: Stream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._console = Console()
        self._interruptible = Interruptible(self._console.wake)
        self._ending = threading.Event()
        self._torn = False

    def serve(self) -> None:
        """Answer commands. Returns when the connection is over."""
        watcher = threading.Thread(target=self._watch, name="ashd-pdm-watch", daemon=True)
        watcher.start()
        try:
            self._stream.send(b"+REPL\n")
            while (command := self._read()) is not None:
                self._answer(command)
        except Interrupted:
            pass
        finally:
            self._ending.set()
            self._stream.abort()
            watcher.join()
            with output_to(nowhere):
                self._console.close()

    def _read(self) -> bytes | None:
        try:
            return self._stream.read_command(self._limits.command, self._limits.command_timeout)
        except ProtocolError:
            self._stream.send(b"-ERR the command is too long\n")
            raise

    def _answer(self, command: bytes) -> None:
        try:
            text = command.decode()
        except UnicodeDecodeError:
            self._stream.send(b"-ERR the command is not UTF-8\n")
            return
        output = ClientOutput(self._send, self._limits.output_line)
        with output_to(output), running_prompt(self._interruptible.interrupt_once):
            done = self._interruptible.run(partial(self._console.execute, text))
        output.finish()
        if done is None:  # interrupted before it could say so
            self._send(b" KeyboardInterrupt\n")
        self._send(b"+OK\n" if done else b"+EXC\n")

    def _send(self, data: bytes) -> None:
        torn, self._torn = self._torn, True  # until it is sent: an interrupt may come meanwhile
        try:
            self._stream.send(b" \n" + data if torn else data)
        except ConnectionLost as exc:
            # An Exception would be caught by code that prints in a loop and wants to go on
            raise Interrupted from exc
        self._torn = False

    def _watch(self) -> None:
        """Wait until the client is gone, in the watching thread."""
        if not self._stream.is_unix and self._stream.wait_closed(None, half=True):
            # On TCP an end-of-file is all that is seen; a script may just have nothing more to say
            self._ending.wait(self._limits.half_close_grace)
        else:
            self._stream.wait_closed(None, half=False)
        self._interruptible.interrupt()
