"""Run nox's sessions: `python sessions.py [NOX-ARGS ...]`.

Those with the tag `one-processor` run beside each other, the others one after the other. Each gets
one line when it has ended, and a log with all of its output. A table, the reasons for
what was skipped, and the tests that failed by name stand at the end; the last line counts tests. A
session that runs alone shows its output as well. For `dev.py test`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOGS = ROOT / ".nox" / "logs"
NOX = [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py")]
ABOUT_NOX = {"-h", "--help", "--version", "-l", "--list", "--list-sessions", "--usage"}
"""Arguments with which nox runs no session."""

LAST_LINES = 15
"""Lines shown of a failed session that named no test."""

COUNTED = ("passed", "failed", "skipped")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLOSING = re.compile(r"=*\s*(\d+ \w+(?:, \d+ \w+)*) in [0-9.]+s(?: \([0-9:]+\))?\s*=*")
_FAILED = re.compile(r"(?:FAILED|ERROR) \S*[/:].*")
_SKIPPED = re.compile(r"SKIPPED \[(\d+)\] [^ ]+: (.*)")
_NOT_RUN = re.compile(r"nox > Session \S+ skipped: (.*)")
_OFFLINE = re.compile("NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError")
NO_NETWORK = "pip can't reach its index of packages: is there a network?"


@dataclass(slots=True)
class Outcome:
    """What a session's output tells."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    not_run: str = ""
    offline: bool = False


@dataclass(slots=True)
class Session:
    """A session that has ended."""

    name: str
    status: int
    seconds: float
    outcome: Outcome

    @property
    def log(self) -> Path:
        return log_of(self.name)

    @property
    def result(self) -> str:
        if self.status:
            return "failed"
        return "skipped" if self.outcome.not_run else "passed"


def read(lines: Iterable[str]) -> Outcome:
    """Gather what nox and pytest say: closing lines, failed tests, reasons for skipping."""
    found = Outcome()
    for raw in lines:
        line = _COLOUR.sub("", raw).strip()
        if match := _CLOSING.fullmatch(line):
            for part in match[1].split(", "):
                number, word = part.split()
                found.counts["failed" if word.startswith("error") else word] += int(number)
        elif _FAILED.fullmatch(line):
            found.failures.append(line)
        elif match := _SKIPPED.fullmatch(line):
            found.skipped[match[2]] += int(match[1])
        elif match := _NOT_RUN.fullmatch(line):
            found.not_run = match[1]
        elif _OFFLINE.search(line):
            found.offline = True
    return found


def log_of(name: str) -> Path:
    """Return where a session's output goes."""
    return LOGS / f"{name}.log"


def chosen(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Ask nox which sessions the arguments choose, and their tags; nox says what is wrong."""
    before, after = split(arguments)
    asked = [*NOX, "--list", "--json", *before, *after]
    listed = subprocess.run(asked, stdout=subprocess.PIPE, check=False)
    if listed.returncode:
        sys.exit(listed.returncode)
    return {session["session"]: session["tags"] for session in json.loads(listed.stdout)}


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part nox's own arguments from those that sessions get, which begin with `--`."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end:]


def run(name: str, arguments: Sequence[str], *, aloud: bool) -> Session:
    """Run one session to its end."""
    before, after = split(arguments)
    command = [*NOX, *before, "--session", name, *after]
    started = time.monotonic()
    with log_of(name).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                log.flush()
                if aloud:
                    print(line, end="", flush=True)
    seconds = time.monotonic() - started
    with log_of(name).open(encoding="utf-8") as log:
        return Session(name, process.returncode, seconds, read(log))


def duration(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def progress(session: Session) -> str:
    """Say in one line how a session ended."""
    outcome = session.outcome
    details = [f"{outcome.counts[word]} {word}" for word in COUNTED if outcome.counts[word]]
    if outcome.not_run:
        details = [outcome.not_run]
    if session.status and outcome.offline:
        details = [NO_NETWORK]
    return f"{session.result} in {duration(session.seconds)}" + (
        f" ({', '.join(details)})" if details else ""
    )


def table(sessions: Sequence[Session]) -> str:
    """Return one row for each session."""
    rows: list[tuple[str, ...]] = [("session", "result", *COUNTED, "time")]
    for session in sessions:
        counts = session.outcome.counts
        numbers = [str(counts[word]) if counts else "" for word in COUNTED]
        rows.append((session.name, session.result, *numbers, duration(session.seconds)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, result, *numbers in rows:
        cells = [f"{name:{widths[0]}}", f"{result:{widths[1]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(numbers, widths[2:], strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def failure(session: Session) -> str:
    """Say what failed in a session, and where the whole story is."""
    head = f"{session.name} failed; all of its output: {session.log.relative_to(ROOT)}"
    if session.outcome.failures:
        return "\n".join([head, *(f"  {line}" for line in session.outcome.failures)])
    if session.outcome.offline:
        return f"{head}\n  {NO_NETWORK}"
    text = session.log.read_text(encoding="utf-8").splitlines()
    return "\n".join([head, *(f"  {line}" for line in text[-LAST_LINES:])])


def summary(sessions: Sequence[Session]) -> str:
    """Return what stands at the end of a run."""
    skipped: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for session in sessions:
        skipped += session.outcome.skipped
        total += session.outcome.counts
    blocks = [table(sessions)]
    if skipped:
        reasons = [
            f"  {number} test{'s' * (number > 1)}: {reason}"
            for reason, number in skipped.most_common()
        ]
        blocks.append("\n".join(["Skipped:", *reasons]))
    blocks += [failure(session) for session in sessions if session.status]
    blocks.append(", ".join(f"{total[word]} {word}" for word in COUNTED))
    return "\n\n".join(blocks)


def run_all(tags: Mapping[str, Sequence[str]], arguments: Sequence[str]) -> list[Session]:
    """Run sessions to their ends, and say in a line how each ended."""
    width = max(map(len, tags), default=0)

    def run_one(name: str) -> Session:
        session = run(name, arguments, aloud=len(tags) == 1)
        print(f"{name:{width}}  {progress(session)}", flush=True)
        return session

    print(f"Running {', '.join(tags)}; logs: {LOGS.relative_to(ROOT)}/", flush=True)
    small = [name for name in tags if "one-processor" in tags[name]]
    with ThreadPoolExecutor(os.cpu_count()) as beside:
        sessions = list(beside.map(run_one, small))
    return sessions + [run_one(name) for name in tags if name not in small]


def main(arguments: Sequence[str]) -> int:
    """Run the chosen sessions; return an exit status."""
    if ABOUT_NOX & set(split(arguments)[0]):
        return subprocess.run([*NOX, *arguments], check=False).returncode
    tags = chosen(arguments)
    LOGS.mkdir(parents=True, exist_ok=True)
    sessions = run_all(tags, arguments)
    print(f"\n{summary(sessions)}")
    return 1 if any(session.status for session in sessions) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
