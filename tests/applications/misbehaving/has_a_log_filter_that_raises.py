"""It has put a filter on the log that raises."""

from __future__ import annotations

import logging
from typing import Any

from ashdtest.misbehaving import Environ, Page, Shows, Start

shows = Shows(client=Page(), prints="ZeroDivisionError: in the filter")


def complain(record: logging.LogRecord) -> bool:
    if f"/{__name__.rpartition('.')[2]}/" in record.getMessage():
        raise ZeroDivisionError("in the filter")
    return True


logging.getLogger("ashd.wsgi").addFilter(complain)


def application(environ: Environ, start_response: Start) -> Any:
    raise ValueError("not logged")
