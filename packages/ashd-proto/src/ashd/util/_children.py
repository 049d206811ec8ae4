"""Starting handler programs, persistent and transient ones.

Children get descriptors 0, 1 and 2 and no other, and never run Python code between fork and exec
(unless the caller asks for it, and then only while the process has no threads but this library's
own). All of them are reaped.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ashd.proto import Request, SpawnError

from ._reaper import reap
from ._threads import foreign_threads

_VARIABLE_NAME = bytes(
    byte if bytes([byte]).isalnum() else ord("_") for byte in range(256)
)  # bytes.isalnum() and upper() know only ASCII, in any locale
_OURS = b"X_ASH_"

Argv = Sequence[str | os.PathLike[str]]
ChildInit = Callable[[], object]


def spawn_handler(
    argv: Argv,
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    child_init: ChildInit | None = None,
    start_new_session: bool = False,
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a persistent handler program; PATH is searched.

    Returns its process, which the caller waits for (or gives to `reap`), and our end of its
    socket, which belongs to the caller. Closing that tells the handler to finish and exit.
    `child_init` runs in the child before exec(2); it is refused in a process with threads.

    Raises `SpawnError`.
    """
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise SpawnError(error.errno, f"{argv[0]} can't be started: {error.strerror}") from error
    with theirs:
        try:
            process = start_program(
                argv,
                child_init,
                stdin=theirs,
                cwd=cwd,
                env=env,
                start_new_session=start_new_session,
            )
        except BaseException:
            ours.close()
            raise
    return process, ours


def spawn_transient(
    argv: Argv,
    request: Request,
    *,
    cwd: str | os.PathLike[str] | None = None,
    child_init: ChildInit | None = None,
) -> subprocess.Popen[bytes]:
    """Start a transient handler for one request; PATH is searched.

    Method, url and rest string become the last arguments; the headers become environment variables
    (`REQ_` and the name in upper case; of names that repeat, the last), and the response socket
    standard input and output. The caller still owns, and closes, the request; the child is reaped
    by a thread of this library.

    Raises `SpawnError`.
    """
    strings = (request.method, request.url, request.rest)
    process = start_program(
        [*argv, *(os.fsdecode(string) for string in strings)],
        child_init,
        stdin=request.fileno(),
        stdout=request.fileno(),
        cwd=cwd,
        env=os.environ | transient_environment(request),
    )
    request.share()
    reap(process)
    return process


def transient_environment(request: Request) -> dict[str, str]:
    """Return the variables that tell a transient handler of a request's version and headers.

    A client's `X_Ash_File` would get the name of the front end's own `X-Ash-File`: it is left out.
    """
    variables = {"HTTP_VERSION": os.fsdecode(request.version)}
    for name, value in request.headers:
        variable = name.upper().translate(_VARIABLE_NAME)
        if variable.startswith(_OURS) and not name.upper().startswith(b"X-ASH-"):
            continue
        variables[f"REQ_{variable.decode('ascii')}"] = os.fsdecode(value)
    return variables


def start_program(
    argv: Argv, child_init: ChildInit | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program with `options` of `subprocess.Popen`. Raises `SpawnError` with its reason."""
    if child_init is not None and foreign_threads():
        raise SpawnError(
            f"{argv[0]} can't be started with an initialization function: this process has "
            "threads, in whose locks the function could hang; start the program without it"
        )
    try:
        return subprocess.Popen(argv, preexec_fn=child_init, **options)  # noqa: PLW1509 - see above
    except OSError as error:
        place = "" if error.filename in (None, argv[0]) else f" ({error.filename})"
        hint = place or _hint(os.fspath(argv[0]), options.get("cwd") or "", error)
        reason = f"{argv[0]} can't be started: {error.strerror}{hint}"
        raise SpawnError(error.errno, reason) from error
    except ValueError as error:  # a NUL in an argument
        raise SpawnError(f"{argv[0]} can't be started: {error}") from error
    except subprocess.SubprocessError as error:
        raise SpawnError(
            f"{argv[0]} can't be started: its initialization function failed"
        ) from error


def _hint(program: str, folder: str | os.PathLike[str], error: OSError) -> str:
    """Return what a program lacks that is a file in this folder; else nothing."""
    # pathlib would be imported for this alone
    if not os.path.isfile(os.path.join(folder, program)):  # noqa: PTH113, PTH118
        return ""
    missing = "its first line names an interpreter that is missing"
    if "/" not in program:
        missing = f"it is not on PATH; for the one in this folder say ./{program}"
    hints = {
        errno.EACCES: f"make it executable: chmod +x {program}",
        errno.ENOENT: missing,
        errno.ENOEXEC: "a script's first line names its interpreter: #!/usr/bin/env python3",
    }
    hint = hints.get(error.errno or 0)
    return f" ({hint})" if hint else ""
