"""It changes the working directory, the umask, the locale, warnings and the sockets' time-out."""

from __future__ import annotations

import locale
import os
import socket
import warnings
from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"changed"))


def application(environ: Environ, start_response: Start) -> Any:
    os.chdir("/")
    os.umask(0o777)
    locale.setlocale(locale.LC_ALL, "C")
    warnings.simplefilter("error")
    socket.setdefaulttimeout(0.001)
    start_response("200 OK", [])
    return Pieces(__name__, [b"chan", b"ged"])
