"""The subcommand: writes the metrics once, or serves them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from ..._errors import SpecError
from .._connection import once, open_perf
from .._output import needs_extra
from ._collect import collect
from ._families import samples

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from ._families import Family

ANSWER_TIMEOUT = 10.0
"""Seconds that the daemon may take for an answer: Prometheus gives up after that time, too."""


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if options.listen is None:
        return write(options)
    address = parse_address(options.listen)
    with needs_extra("serving metrics"):
        from ._serve import serve

    def look() -> list[Family]:  # by a connection of its own: the daemon may be started anew
        with open_perf(options, timeout=ANSWER_TIMEOUT) as client:
            return collect(client, options.attribute)

    return serve(address, options.target, look)


write = once(
    lambda client, options: {"": collect(client, options.attribute)},
    lambda families, _options: render(families).rstrip("\n").split("\n"),
    ANSWER_TIMEOUT,
)


def render(families: Iterable[Family]) -> str:
    """Return the text format; without prometheus_client nothing but the samples."""
    try:
        from ._registry import text_of
    except ImportError:
        return "".join(line for family in families for line in samples(family))
    return text_of(families)


def parse_address(text: str) -> tuple[str, int]:
    """Read `ADDRESS:PORT` or `[v6]:PORT`; `SpecError` for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host or "?")
    except ValueError:
        host = host if host == "localhost" else ""
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise SpecError(f"can't listen on {text!r}: use ADDRESS:PORT, as in 127.0.0.1:9100")
    return host, int(port)
