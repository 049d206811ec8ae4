"""The command `ashd-wsgi --bind` as its two processes.

    with serving("--bind", f"127.0.0.1:{port}", "hello:app", cwd=folder) as server:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")

Leaving the block stops it as Ctrl-C does, and demands that both processes end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .processes import DEADLINE, children, exists, program, wait_until


@dataclass
class Server:
    """A running `ashd-wsgi --bind`; `log` is what its processes have written so far."""

    process: subprocess.Popen[bytes]
    _output: IO[bytes]

    @property
    def log(self) -> str:
        return os.pread(self._output.fileno(), 1 << 20, 0).decode()

    def command(self, pid: int) -> list[str]:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")[:-1]


@contextmanager
def serving(
    *words: str,
    cwd: Path,
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    argv: Sequence[str] = (),
) -> Iterator[Server]:
    """Run the command for the length of a block; it listens then, and must end with 0."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*(argv or [program("ashd-wsgi")]), *words],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
            env={**os.environ, **(env or {})},
        )
        server = Server(process, output)
        try:
            wait_until(
                lambda: "listening on" in server.log or process.poll() is not None,
                what="the server",
            )
            yield server
            handlers = children(process.pid)
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0
            for pid in handlers:
                wait_until(lambda: not exists(pid))  # noqa: B023 - called at once
        except BaseException:
            sys.stderr.write(server.log)
            raise
        finally:
            process.kill()
            process.wait()
