"""The PID file, which tells other programs what goes on.

The file appears with a rename, so it always holds a whole number. One more newline at its end says
that the process has been told to stop; an empty file, that it has ended. What is written later goes
through the open descriptor, which works after chroot(2), too, and never changes the file of a
successor. A `PidFile` owns the descriptor for the life of the process.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ._errors import StartError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


class PidFile:
    """See the module."""

    def __init__(self, path: str) -> None:
        """Write the number of this process to the file at `path`; raises `StartError`."""
        new = f"{path}.new"
        try:
            self._fd = os.open(new, _FLAGS, 0o644)
            try:
                os.write(self._fd, b"%d\n" % os.getpid())
                os.rename(new, path)  # noqa: PTH104
            except OSError:
                os.close(self._fd)
                with suppress(OSError):
                    os.unlink(new)  # noqa: PTH108
                raise
        except OSError as error:
            raise StartError(f"can't write the PID file {path}: {error.strerror}") from error

    def stopping(self) -> None:
        """Tell that the process was told to stop."""
        with suppress(OSError):  # a full disk must not keep it from stopping
            os.write(self._fd, b"\n")

    def ended(self) -> None:
        """Tell that the process ends now."""
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
