"""Where the front end's messages go, and what they look like."""

from __future__ import annotations

import logging


def set_logging_up(program: str) -> None:
    """Write the messages of the front end to stderr, with the program's name in front."""
    log = logging.getLogger("ashd.htparser")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{program}: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
