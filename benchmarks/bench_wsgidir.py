"""What a request for a loaded file costs beyond a call of the application itself."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _measure import Benchmark, Sample
from _programs import HELLO, Setup

from ashd.wsgidir import Directory, getmod, wmain
from ashd.wsgiutil import make_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BATCH = 2_000
PAIRS = 12
FILES = 1_000
OLD = 1_500_000_000  # a date at which a file is known by its stamp alone
ABOUT = """
CPU time of a call, in one process: of the application alone, and from its file. The bound is 15 us.
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
        path.write_text(HELLO)
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
    times: int, plain: WSGIApplication, other: WSGIApplication, calls: list[dict[str, Any]]
) -> Sample:
    """Return what a call costs without a file, with it, and what that adds."""
    batch = list(itertools.islice(itertools.cycle(calls), BATCH))
    measure(plain, batch)
    measure(other, calls)  # loads the files
    pairs = [(measure(plain, batch), measure(other, batch)) for _ in range(times)]
    without, with_file = map(statistics.median, zip(*pairs, strict=True))
    added = statistics.median(there - alone for alone, there in pairs)
    return {"": {"added us": added, "alone us": without, "from its file us": with_file}}


def benchmark(setup: Setup) -> Benchmark:
    calls = environs(setup.folder)
    plain = getmod(calls[0]["SCRIPT_FILENAME"]).mod.application
    by_header = [{**environ, "HTTP_X_ASH_PYTHON_HANDLER": "chain"} for environ in calls]
    kinds: dict[str, tuple[WSGIApplication, list[dict[str, Any]]]] = {
        "one file, handler by its extension": (Directory(), calls[:1]),
        "one file, handler by the header": (Directory(), by_header[:1]),
        f"{FILES} files in turn": (Directory(), by_header),
        "one file, with -M": (wmain("-M", "somewhere"), by_header[:1]),
    }
    cases = {
        name: partial(compare, setup.part_of(PAIRS), plain, *kind) for name, kind in kinds.items()
    }
    return Benchmark("Applications in files", ABOUT, cases)
