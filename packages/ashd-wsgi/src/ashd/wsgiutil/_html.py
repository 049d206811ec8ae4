"""Error pages, and the quoting that they need."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any


def html_quote(text: str) -> str:
    """Quote text for HTML, also for use in attributes."""
    return html.escape(text)


def simple_error(
    environ: Mapping[str, Any],  # noqa: ARG001 - an application's arguments (PEP 3333)
    start_response: Callable[..., object],
    code: int,
    title: str,
    message: str,
) -> list[bytes]:
    """Answer with an error page, and return its body; `title` and `message` are plain text.

    The title is the reason of the status line, as far as that can hold it.
    """
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n'
        f'<head><meta charset="utf-8"><title>{html_quote(title)}</title></head>\n'
        f"<body><h1>{html_quote(title)}</h1><p>{html_quote(message)}</p></body>\n</html>\n"
    ).encode()
    reason = "".join(char for char in title if char.isascii() and char.isprintable())
    start_response(
        f"{code} {reason}",
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))],
    )
    return [page]
