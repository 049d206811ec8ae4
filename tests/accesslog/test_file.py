"""A log file that several append to, that is moved away, and that can't always be written."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from ashd.accesslog import LogFile

LINE = b"x" * 99 + b"\n"


def test_lines_are_appended_when_they_are_flushed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    log = LogFile(str(path))
    log.add(LINE)
    assert path.read_bytes() == b"old\n"
    log.flush()
    assert path.read_bytes() == b"old\n" + LINE
    log.add(b"last\n")
    log.close()
    assert path.read_bytes() == b"old\n" + LINE + b"last\n"


def test_many_lines_are_written_without_being_asked(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"))
    for _ in range(2000):
        log.add(LINE)
    assert (tmp_path / "log").stat().st_size > 1000 * len(LINE)
    log.close()
    assert (tmp_path / "log").stat().st_size == 2000 * len(LINE)


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = LogFile(str(path))
    log.add(b"before\n")
    path.rename(old)
    log.reopen()
    log.flush()
    log.add(b"after\n")
    log.close()
    assert old.read_bytes() == b"before\n"
    assert path.read_bytes() == b"after\n"


def test_when_it_cannot_be_opened_anew_the_old_one_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "logs" / "log"
    path.parent.mkdir()
    log = LogFile(str(path))
    path.parent.rename(tmp_path / "old")
    log.reopen()
    log.flush()
    log.add(LINE)
    log.close()
    assert (tmp_path / "old" / "log").read_bytes() == LINE
    assert caplog.messages == [f"{path} can't be opened anew: No such file or directory"]


def test_a_full_disk_costs_lines_and_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    log = LogFile("/dev/full")
    for _ in range(20_000):
        log.add(LINE)
    assert caplog.messages == [
        "/dev/full can't be written: No space left on device; lines may be lost"
    ]
    log.close()
    assert caplog.messages[1:] == ["/dev/full: 20000 lines were lost"]


def test_messages_about_standard_output_call_it_so() -> None:
    program = "from ashd.accesslog import LogFile; log = LogFile('-'); log.add(b'x'); log.close()"
    with Path("/dev/full").open("wb") as full:
        argv = [sys.executable, "-c", program]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=True)
    assert done.stderr.startswith("standard output can't be written: No space left on device;")


def test_a_pipe_without_a_reader_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = LogFile(str(path))
    count = 30_000
    for number in range(count):
        log.add(b"%d %b\n" % (number, b"x" * 90))
    read = b""
    while piece := _read(reader):
        read += piece
        log.flush()
    log.close()
    os.close(reader)
    lines = read.splitlines()
    assert all(re.fullmatch(rb"\d+ x{90}", line) for line in lines), "none is torn"
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == sorted(numbers)
    assert caplog.messages == [
        f"{path} can't be written: nobody reads it; lines may be lost",
        f"{path} is written again; {count - len(lines)} lines were lost",
    ]


def test_a_reader_of_a_pipe_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    log = LogFile(str(path))
    log.add(LINE)
    log.flush()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reader, len(LINE)) == LINE
    log.close()
    assert os.read(reader, 1) == b"", "the reader sees the end"
    os.close(reader)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, select.PIPE_BUF)
    except BlockingIOError:
        return b""
