"""Two versions beside each other: is one faster, or is it noise?

Each round measures both, one right after the other; the one that was second is first in the next.
What counts is the ratio of such a pair. The interval of its median is that of the sign test, which
assumes nothing of the noise; those of a whole table are all right in 95 of 100 runs.
"""

from __future__ import annotations

import io
import math
import shutil
import statistics
import subprocess
import tarfile
import venv
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import bench_handlers
import bench_http
from _measure import BenchmarkError, Sample, show, table, total
from _programs import Setup

from ashdtest.processes import MODELS

ROOT = Path(__file__).parents[1]
WRONG = 0.05
"""How often a table may show a difference where there is none."""

METRICS = {"CPU us/request": ("faster", "slower"), "requests/s": ("slower", "faster")}
"""What a ratio below 1 means, and one above."""

UNCLEAR = "no difference that can be told"
PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
Pair = tuple[Sample, Sample]


def programs(version: str, folder: Path) -> Path:
    """Return where a version's programs are; a checkout or revision gets an environment."""
    if Path(version, "bin", "ashd-wsgi").is_file():
        return Path(version, "bin").absolute()
    source = Path(version)
    if not Path(source, "packages").is_dir():
        source = folder / "source"
        git = ["git", "-C", str(ROOT), "archive", version, "packages"]
        archive = subprocess.run(git, stdout=subprocess.PIPE, check=False)
        if archive.returncode:
            raise BenchmarkError(
                f"{version} is neither a checkout nor an environment nor a revision"
            )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(source, filter="data")
    venv.create(folder / "venv", with_pip=True)
    wanted = [f"{source}/packages/ashd-proto[http]", f"{source}/packages/ashd-wsgi"]
    subprocess.run([folder / "venv/bin/python", *PIP, *wanted], check=True)
    return folder / "venv" / "bin"


def measures(setup: Setup, folder: Path) -> dict[str, Callable[[], Sample]]:
    """Return what is measured of a version."""
    cases: dict[str, Callable[[], Sample]] = {}
    for model in MODELS:
        command = setup.wsgi(folder, "-t", model)
        cases[f"handler, {model}"] = partial(bench_handlers.saturated, setup, command)
    if shutil.which("wrk"):
        site = bench_http.ours(setup, folder, "pool", "1")
        cases["the whole way, pool"] = partial(bench_http.saturated, setup, site)
    return cases


def interval(values: Sequence[float], wrong: float) -> tuple[float, float]:
    """Return an interval that misses the true median with at most the given probability."""
    ordered, found, missed = sorted(values), (0.0, math.inf), 0.0
    for index, inner in enumerate(zip(ordered, reversed(ordered), strict=True)):
        missed += math.comb(len(ordered), index) / 2 ** (len(ordered) - 1)
        if missed > wrong:
            break
        found = inner
    return found


def verdict(low: float, high: float, below: str, above: str) -> str:
    """Say what an interval of ratios means."""
    return below if high < 1 else above if low > 1 else UNCLEAR


def rows(name: str, pairs: Sequence[Pair], wrong: float) -> list[list[str]]:
    """Return a line for each metric of a case."""
    made = []
    for metric, meaning in METRICS.items():
        columns = [[total(next(iter(one.values()))[metric]) for one in pair] for pair in pairs]
        ratio = [new / old for old, new in columns]
        low, high = interval(ratio, wrong)
        old, new = map(statistics.median, zip(*columns, strict=True))
        span = f"{low:.3f} to {high:.3f}"
        middle = f"{statistics.median(ratio):.3f}"
        said = verdict(low, high, *meaning)
        made.append([f"{name}: {metric}", show(old), show(new), middle, span, said])
    return made


def compare(setup: Setup, versions: Sequence[str], rounds: int) -> str:
    """Measure two versions in pairs; return the table."""
    cases = []
    for name, version in zip(("old", "new"), versions, strict=True):
        folder = setup.folder / name
        folder.mkdir()
        cases.append(measures(setup, programs(version, folder)))
    pairs: dict[str, list[Pair]] = {name: [] for name in cases[0]}
    for number in range(rounds):
        for name, seen in pairs.items():
            order = (0, 1) if number % 2 else (1, 0)
            found = {which: cases[which][name]() for which in order}
            seen.append((found[0], found[1]))
    wrong = WRONG / (len(pairs) * len(METRICS))
    lines = [line for name, seen in pairs.items() for line in rows(name, seen, wrong)]
    return table([["", "old", "new", "new/old", "interval", "the new one is"], *lines])
