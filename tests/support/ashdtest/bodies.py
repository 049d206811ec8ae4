"""Request bodies, for tests of the adapter: declaring and reading them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Pairs = list[tuple[bytes, bytes]]

TEXT: Pairs = [(b"Content-Type", b"text/plain")]
CHUNKED: Pairs = [*TEXT, (b"Transfer-Encoding", b"chunked")]
BODY = b"first\nsecond line\n\nlast"


def declared(length: int) -> Pairs:
    return [*TEXT, (b"Content-Length", b"%d" % length)]


def reading(function: Callable[[Any], object]) -> Any:
    """Return an application that answers with what `function(wsgi.input)` gives, as text."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            text = repr(function(environ["wsgi.input"]))
        except OSError as error:
            text = f"{type(error).__name__}: {error}"
        start_response("200 OK", [])
        return [text.encode()]

    return application
