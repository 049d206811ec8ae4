"""It calls `start_response` and `write` in another thread."""

from __future__ import annotations

import threading
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"written, returned"))


def application(environ: Environ, start_response: Start) -> Any:
    thread = threading.Thread(target=lambda: start_response("200 OK", [])(b"written, "))
    thread.start()
    thread.join()
    return [b"returned"]
