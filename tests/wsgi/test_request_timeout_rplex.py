"""`--request-timeout` under `rplex`, where one iterator that blocks would block all."""

from __future__ import annotations

from pathlib import Path

from ashdtest.handlers import running
from ashdtest.processes import program, wait_until

HERE = Path(__file__).parent


def test_a_blocking_iterator_is_ended_and_the_others_go_on() -> None:
    options = ["-A", "-p", str(HERE), "-t", "rplex", "--request-timeout", "0.3"]
    with running([program("ashd-wsgi"), *options, "blocking_iterator_app"]) as handler:
        assert handler.call(b"/block").status == 504
        assert handler.call(b"/").body == b"fine"
        wait_until(lambda: "in _block" in handler.log)
        assert "GET /block: takes more than 0.3 s" in handler.log
        assert "ashd/wsgi/_exchange.py" not in handler.log
