"""It starts a thread that goes on after the request."""

from __future__ import annotations

import threading
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"started"))

end = threading.Event()


def application(environ: Environ, start_response: Start) -> Any:
    threading.Thread(target=end.wait, args=(0.01,)).start()
    start_response("200 OK", [])
    return [b"started"]
