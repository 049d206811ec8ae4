"""What the lines of our programs' logs look like; where they go is a test of each program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

LOGGING = """
import logging, sys
from ashd.log import configure_logging
configure_logging("prog", sys.argv[1], request_id=lambda: "abc")
log = logging.getLogger("shop.cart")
log.info("an item\\nin two lines")
log.debug("of no interest")
log.warning("another's", extra={"request_id": ""})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("caf\\xe9 failed")
"""


UNCAUGHT = """
import logging, threading, warnings
from ashd.log import configure_logging
configure_logging("prog", "json")
warnings.warn("be careful")
logging.getLogger("shop").error("%d", "none")

class Odd:
    def __del__(self):
        raise LookupError("dropped")

del (odd := [Odd()])[0]
threading.Thread(target=lambda: 1 / 0, name="helper").start()
threading.Thread(target=lambda: exit(5)).start()
raise ValueError("the end")
"""


def log(
    tmp_path: Path, style: str, *, journal: bool = False, source: str = LOGGING, status: int = 0
) -> list[str]:
    """Return the lines that a program writes; to systemd's journal, as far as it can know."""
    file = tmp_path / "stderr"
    variables = {key: value for key, value in os.environ.items() if key != "ASHD_USESYSLOG"}
    with file.open("wb") as stderr:
        place = f"{(about := os.fstat(stderr.fileno())).st_dev}:{about.st_ino}"
        variables["JOURNAL_STREAM"] = place if journal else "1:1"
        argv = [sys.executable, "-c", source, style]
        assert subprocess.run(argv, stderr=stderr, env=variables, check=False).returncode == status
    return file.read_text().splitlines()


def test_lines_of_text_have_time_process_and_request(tmp_path: Path) -> None:
    lines = log(tmp_path, "text")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(rf"{time} prog\[\d+\]: shop.cart: INFO: an item", lines[0])
    assert lines[1] == "in two lines [abc]"
    assert re.fullmatch(rf"{time} prog\[\d+\]: shop.cart: WARNING: another's", lines[2])
    assert lines[3].endswith(": shop.cart: ERROR: café failed [abc]")
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_the_journal_gets_priorities_and_nothing_that_it_adds_itself(tmp_path: Path) -> None:
    lines = log(tmp_path, "text", journal=True)
    assert lines[:3] == [
        "<6>prog: shop.cart: INFO: an item",
        "<6>in two lines [abc]",
        "<4>prog: shop.cart: WARNING: another's",
    ]
    assert lines[3] == "<3>prog: shop.cart: ERROR: café failed [abc]"
    assert lines[-1] == "<3>ZeroDivisionError: division by zero"


def test_a_record_is_one_json_object(tmp_path: Path) -> None:
    records = [json.loads(line) for line in log(tmp_path, "json")]
    process, time = records[0].pop("process"), records[0].pop("time")
    assert process > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", time)
    assert records[0] == {
        "level": "INFO",
        "program": "prog",
        "logger": "shop.cart",
        "message": "an item\nin two lines",
        "request_id": "abc",
    }
    assert "request_id" not in records[1]
    assert records[2]["message"] == "café failed"
    assert records[2]["exception"].endswith("\nZeroDivisionError: division by zero")
    assert len(records) == 3


def test_what_python_itself_says_is_a_json_object_as_well(tmp_path: Path) -> None:
    lines = log(tmp_path, "json", source=UNCAUGHT, status=1)
    records = [json.loads(line) for line in lines]
    told = {each.get("exception", "").split("\n")[-1]: each for each in records}
    assert {exception: each["level"] for exception, each in told.items()} == {
        "": "WARNING",
        (unformatted := "TypeError: %d format: a real number is required, not str"): "ERROR",
        "LookupError: dropped": "ERROR",
        (in_thread := "ZeroDivisionError: division by zero"): "ERROR",
        "ValueError: the end": "CRITICAL",
    }
    assert "UserWarning: be careful" in told[""]["message"]
    assert "line 6 can't be formatted: '%d' % ('none',)" in told[unformatted]["message"]
    assert told[in_thread]["message"] == "an exception ends the thread helper"
