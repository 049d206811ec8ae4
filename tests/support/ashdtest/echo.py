"""A persistent handler that answers with its name (the first argument) and what it got.

With a second argument it waits, before it takes requests, until somebody opens that FIFO.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ashd.proto import Request
from ashd.util import respond, serve_loop


def handle(request: Request) -> None:
    facts = [sys.argv[1].encode(), b"%d" % os.getpid(), os.fsencode(Path.cwd()), request.rest]
    body = request.stream.read()
    fields = [b": ".join(field) for field in request.headers]
    respond(request, b"\n".join([*facts, body, *fields]), content_type="text/plain")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        with Path(sys.argv[2]).open("rb"):
            pass
    serve_loop(handle)
