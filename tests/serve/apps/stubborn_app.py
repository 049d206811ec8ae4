"""Works without end; what it does when it is asked to end depends on the path.

`/meek` ends; `/exceptions` swallows every Exception; `/everything` swallows all there is, `/late`
once; `/head` has sent its head and a piece; `/client` waits for its client to read; `/broken`
raises; all else answers, `/profiled` from a function that is profiled, `/download` much.
"""

import cProfile
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    kind = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).strip("/")
    if kind == "exceptions":
        work(Exception)
    elif kind == "everything":
        work(BaseException)
    elif kind == "meek":
        work(())
    elif kind == "late":
        with suppress(BaseException):
            work(())
    elif kind == "broken":
        raise ZeroDivisionError("broken")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if kind == "head":
        return forever()
    if kind == "client":
        return itertools.repeat(bytes(100_000))
    if kind == "download":
        return itertools.repeat(bytes(1_000_000), 8)
    body = cProfile.Profile().runcall(name_us) if kind == "profiled" else name_us()
    return [body]


def name_us() -> bytes:
    return str(os.getpid()).encode()


def work(swallowed: Any) -> None:
    while True:
        try:
            while True:
                sum(range(100))
                time.sleep(0.001)  # leave the processors to others
        except swallowed:
            pass


def forever() -> Iterator[bytes]:
    yield b"begin"
    work(())
