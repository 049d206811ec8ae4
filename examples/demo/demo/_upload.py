"""Uploads of any size: they are hashed while they come, and not kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from ._multipart import BLOCK, Form, FormError, boundary_of
from ._web import Environ, Response, error, page, plain, size_text, wants_html


@dataclass(frozen=True, slots=True)
class Received:
    """What is known of a file when it was there: size in bytes, time in seconds."""

    name: str
    size: int
    digest: str
    seconds: float


def show(environ: Environ) -> Response:
    """Show the form, or what was sent with it; a PUT sends one file as it is."""
    if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
        return page(environ, "upload", "Upload", host=escape(_host(environ)), result="")
    try:
        files = list(_receive(environ))
    except FormError as problem:
        return error(environ, "400 Bad Request", f"This can't be read as a form: {problem}.")
    if not wants_html(environ):
        return plain("".join(f"{file.digest}  {file.size}  {file.name}\n" for file in files))
    result = "".join(map(_card, files)) or '<p class="note">No file was chosen.</p>'
    return page(environ, "upload", "Upload", host=escape(_host(environ)), result=result)


def _receive(environ: Environ) -> Iterator[Received]:
    stream, kind = environ["wsgi.input"], environ.get("CONTENT_TYPE", "")
    if not kind.lower().startswith("multipart/form-data"):
        yield _hash("(the whole body)", iter(lambda: stream.read(BLOCK), b""))
        return
    for part in Form(stream, boundary_of(kind)):
        if part.filename:
            yield _hash(part.filename, part.blocks)


def _hash(name: str, blocks: Iterable[bytes]) -> Received:
    size, digest, started = 0, hashlib.sha256(), time.monotonic()
    for block in blocks:
        size += len(block)
        digest.update(block)
    return Received(name, size, digest.hexdigest(), time.monotonic() - started)


def _card(file: Received) -> str:
    facts = {
        "Size": f"{size_text(file.size)} ({file.size:,} bytes)",
        "SHA-256": file.digest,
        "Time": f"{file.seconds:.2f} s",
    }
    if file.seconds > 0.01:
        facts["Speed"] = f"{size_text(file.size / file.seconds)}/s"
    rows = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts.items())
    return (
        f'<section class="done"><h2>{escape(file.name)}</h2><dl class="facts">{rows}</dl></section>'
    )


def _host(environ: Environ) -> str:
    host: str = environ.get("HTTP_HOST") or environ["SERVER_NAME"]
    return f"{environ['wsgi.url_scheme']}://{host}"
