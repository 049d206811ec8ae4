"""Reaches a Unix socket on another machine by ssh's own forwarding: ssh listens on a socket in a
private temporary folder, and that is what we connect to. Nothing has to be installed over there.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress

from .._errors import ConnectError, SpecError
from ._target import SshTarget

SSH_VARIABLE = "ASHD_PDM_SSH"
"""Environment variable with the ssh command to use, and its options."""

LOGIN_TIMEOUT = 60.0
"""Seconds until ssh has to listen: time to type a passphrase."""

LOOK_INTERVAL = 0.02
"""Seconds between two looks for the socket of ssh, which doesn't say when it listens."""

# A shell waits for ssh, and ends it when our end of its standard input closes, also when we are
# killed; then it removes the folder, which it has as its name ($0). Ctrl-C is for the program at
# the terminal; both would get it, too, and end. ssh may miss a signal that comes just before it
# waits, so it gets them until it has ended.
_KEEPER = """
trap '' INT
exec 3<&0
"$@" </dev/null 3<&- & ssh=$!
(read -r _; while kill $ssh; do sleep 1; done) <&3 2>/dev/null & keeper=$!
wait $ssh
kill $keeper 2>/dev/null
rm -rf "$0"
"""


class Forwarding:
    """Owns ssh, which forwards a socket to one on another machine, and the folder of the socket."""

    def __init__(self, target: SshTarget) -> None:
        if not target.path.startswith("/"):
            text = "a path on another machine must begin with /"
            raise SpecError(f"can't connect to {target}: {text}")
        self._host = target.host
        self._folder = tempfile.TemporaryDirectory(prefix="ashd-pdm-", ignore_cleanup_errors=True)
        self._socket = f"{self._folder.name}/s"
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                ["sh", "-c", _KEEPER, self._folder.name, *ssh_command(target, self._socket)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
        except BaseException:
            self._folder.cleanup()
            raise

    def connect(self) -> socket.socket:
        """Return a socket of the caller's; `ConnectError` if ssh ends or takes too long."""
        until = time.monotonic() + LOGIN_TIMEOUT
        while (sock := self._try()) is None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LOOK_INTERVAL)
                raise ConnectError(f"can't connect to {self._host} by ssh")
            if time.monotonic() > until:
                raise ConnectError(f"ssh to {self._host} takes longer than {LOGIN_TIMEOUT:g} s")
        return sock

    def _try(self) -> socket.socket | None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(self._socket)
        except (FileNotFoundError, ConnectionRefusedError):  # not there yet, or not listening yet
            sock.close()
            return None
        return sock

    def close(self) -> None:
        """End ssh, and remove the folder."""
        self.process.communicate()
        self._folder.cleanup()


def ssh_command(target: SshTarget, local: str) -> list[str]:
    """Return the command that forwards `local`. A shared connection would listen on after us."""
    ssh = shlex.split(os.environ.get(SSH_VARIABLE, "ssh"))
    if not ssh or shutil.which(ssh[0]) is None:
        raise FileNotFoundError(errno.ENOENT, "there is no ssh command on this machine")
    remote = re.sub(r"([\\:])", r"\\\1", target.path).replace("%", "%%")
    return [*ssh, "-N", "-T", "-S", "none", "-L", f"{local}:{remote}", "--", target.host]
