"""What a request for a loaded file costs beyond a call of the application itself.

Both are called in turn, in one process, in batches of the same size; the figures are CPU time of
this process for one call. The bound is 15 us.

    python benchmarks/bench_wsgidir.py
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _measure import table

from ashd.wsgidir import Directory, getmod, wmain
from ashd.wsgiutil import make_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BATCH = 2_000
ROUNDS = 40
FILES = 1_000
OLD = 1_500_000_000  # a date at which a file is known by its stamp alone

APPLICATION = """
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "13")]

def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"Hello, world!"]
"""


def write(_: bytes) -> None:
    """Stand in for PEP 3333's write."""


def start_response(*_: Any) -> Callable[[bytes], object]:
    """Take the head, and do nothing with it."""
    return write


def environs(directory: Path) -> list[dict[str, Any]]:
    """Make the files, and an environ for each, as ashd-wsgi would."""
    made = []
    for number in range(FILES):
        path = directory / f"{number}.wsgi"
        path.write_text(APPLICATION)
        os.utime(path, (OLD, OLD))
        made.append(make_environ(f"/{number}/x", script=f"/{number}", SCRIPT_FILENAME=str(path)))
    return made


def measure(application: WSGIApplication, calls: Iterable[dict[str, Any]]) -> float:
    """Return the CPU time of one call in microseconds."""
    begin = time.process_time_ns()
    count = 0
    for environ in calls:
        application(environ, start_response)
        count += 1
    return (time.process_time_ns() - begin) / count / 1000


def compare(
    plain: WSGIApplication, other: WSGIApplication, calls: list[dict[str, Any]]
) -> list[str]:
    """Return what a call costs without a file, with it, and what that adds."""
    batch = list(itertools.islice(itertools.cycle(calls), BATCH))
    measure(plain, batch)
    measure(other, calls)  # loads the files
    pairs = [(measure(plain, batch), measure(other, batch)) for _ in range(ROUNDS)]
    added = sorted(with_file - without for without, with_file in pairs)
    columns = [
        statistics.median(without for without, _ in pairs),
        statistics.median(with_file for _, with_file in pairs),
        statistics.median(added),
        added[len(added) * 9 // 10],
    ]
    return [f"{column:.2f}" for column in columns]


HEADS = ["us of CPU time for a call", "plain", "from its file", "added", "90th percentile"]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        calls = environs(Path(name))
        plain = getmod(calls[0]["SCRIPT_FILENAME"]).mod.application
        by_header = [{**environ, "HTTP_X_ASH_PYTHON_HANDLER": "chain"} for environ in calls]
        cases: list[tuple[str, WSGIApplication, list[dict[str, Any]]]] = [
            ("one file, handler by its extension", Directory(), calls[:1]),
            ("one file, handler by the header", Directory(), by_header[:1]),
            (f"{FILES} files in turn", Directory(), by_header),
            ("one file, with -M", wmain("-M", "somewhere"), by_header[:1]),
        ]
        rows = [[text, *compare(plain, application, some)] for text, application, some in cases]
    sys.stdout.write(table("What a file costs", HEADS, rows))


if __name__ == "__main__":
    main()
