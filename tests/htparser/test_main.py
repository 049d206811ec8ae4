"""A signal that comes before the front end serves."""

from __future__ import annotations

import logging
import os
import signal

import pytest

from ashd.htparser._main import Stopped, _give_up


class Interrupted(logging.Formatter):
    """Gets a signal in the middle of a line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return super().format(record)


def test_a_signal_while_a_line_is_logged_is_not_lost() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Interrupted())
    before = signal.signal(signal.SIGTERM, _give_up)
    try:
        with pytest.raises(Stopped, match="stopped by SIGTERM before it served anything"):
            handler.handle(logging.makeLogRecord({"msg": "bound"}))
    finally:
        signal.signal(signal.SIGTERM, before)
