"""What an application gets to know of the connection; bodies in both directions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse

PIECE = bytes(range(256)) * 256
TEXT = ("Content-Type", "text/plain")


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/download":
        count = int(environ["QUERY_STRING"])
        start_response("200 OK", [TEXT, ("Content-Length", str(count * len(PIECE)))])
        return (PIECE for _ in range(count))
    if environ["REQUEST_METHOD"] == "POST":
        digest = hashlib.sha256()
        while piece := environ["wsgi.input"].read(1 << 16):
            digest.update(piece)
        page = digest.hexdigest()
    else:
        shown = ("SSL_", "HTTPS", "wsgi.url_scheme", "HTTP_X_ASH_TLS", "REMOTE_ADDR")
        page = "".join(f"{k}={v}\n" for k, v in sorted(environ.items()) if k.startswith(shown))
    body = page.encode("latin-1")
    start_response("200 OK", [TEXT, ("Content-Length", str(len(body)))])
    return [body]
