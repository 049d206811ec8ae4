"""The subcommand: writes the metrics once, or serves them."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Iterable

from ..._errors import SpecError
from .._connection import once, open_perf
from .._output import needs_extra
from ._collect import Family, collect

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
        from ._serve import Registry, generate_latest
    except ImportError:
        return "".join(line for family in families for line in family.lines())
    return generate_latest(Registry(families)).decode()


def parse_address(text: str) -> tuple[str, int]:
    """Read `ADDRESS:PORT` or `[v6]:PORT`; `SpecError` for anything else."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        number = int(port) if port.isascii() and port.isdecimal() else -1
    except ValueError:
        number = -1
    if not 0 <= number < 65536:
        raise SpecError(f"can't listen on {text!r}: use ADDRESS:PORT, as in 127.0.0.1:9100")
    return host, number
