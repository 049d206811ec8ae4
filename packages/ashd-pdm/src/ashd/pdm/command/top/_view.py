"""Lays the figures out as lines. Pure functions: no terminal is known here.

A line is a list of spans, (style, text); styles are names, which `_screen.py` knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ashd.pdm.command._text import clean, count, duration, fit, size, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ashd.pdm.command.top._figures import Figures, History
    from ashd.pdm.command.top._look import Row

Span = tuple[str, str]
Line = list[Span]

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS = "_.-=+*#@"
CURVE = 24
"""Columns of a curve, at most."""

LABEL = 10
KEYS = "q quit  up/down select  Enter stack  t threads/requests  p pause"


@dataclass(slots=True)
class Frame:
    """What is to be shown besides the figures."""

    target: str
    columns: int = 80
    lines: int = 24
    selected: int = 0
    threads: bool = False
    paused: bool = False
    note: str = ""
    unicode: bool = True
    stack_open: bool = False


def layout(history: History, frame: Frame) -> list[Line]:
    """Return the lines of a whole screen, no more than there are rows."""
    lines = [_heading(history, frame), *summary(history, frame)]
    if history.workers and "" not in history.workers:
        lines += _workers(history)
    room = frame.lines - len(lines) - 2
    lines += [[], *_lower(history, frame, max(room, 1))]
    del lines[max(frame.lines - 1, 1) :]
    lines += [[] for _ in range(frame.lines - 1 - len(lines))]
    lines.append([("footer", fit(KEYS, frame.columns))])
    return lines


def _heading(history: History, frame: Frame) -> Line:
    words = [("title", "ashd-pdm top")]
    if frame.paused:
        words.append(("warning", "  paused"))
    if frame.note:
        words.append(("error", f"  {clean(frame.note)}"))
    words.append(("title", f"  {clean(frame.target)}"))
    process = next(iter(history.latest.processes.values()), None) if history.latest else None
    if process is not None:
        where = f"pid {process['pid']}  " if "" in history.workers else ""
        words.append(
            ("plain", f"  {where}up {duration(process['realtime'])}  Python {process['python']}")
        )
    return words


def summary(history: History, frame: Frame) -> list[Line]:
    """Return the lines about all processes together."""
    if history.latest is None:
        return [[("plain", "asking ...")]]
    total = history.total
    lines: list[Line] = []
    if total.requests is not None:
        lines += [_requests(history, frame), _latency(total), _codes(total)]
    lines.append(
        [
            ("label", fit("CPU", LABEL)),
            ("value", f"{100 * total.cpu:8.1f} %  "),
            ("curve", _curve(history, frame, "cpu")),
            ("plain", f"  threads {total.threads}{_descriptors(total)}"),
        ]
    )
    lines.append(
        [
            ("label", fit("memory", LABEL)),
            ("value", f"{_size(total.memory):>10}  "),
            ("curve", _curve(history, frame, "memory")),
        ]
    )
    return lines


def _requests(history: History, frame: Frame) -> Line:
    total = history.total
    return [
        ("label", fit("requests", LABEL)),
        ("value", f"{total.requests or 0.0:8,.1f} /s "),
        ("curve", _curve(history, frame, "requests")),
        ("plain", "  in flight "),
        ("value", str(total.in_flight)),
        ("plain", f"  served {count(total.total)}"),
    ]


def _latency(total: Figures) -> Line:
    return [
        ("label", fit("latency", LABEL)),
        ("plain", "     p50 "),
        ("value", f"{_time(total.p50):<9}"),
        ("plain", "p99 "),
        ("value", _time(total.p99)),
    ]


def _codes(total: Figures) -> Line:
    spans: Line = [("label", fit("status", LABEL)), ("plain", "     ")]
    for code, rate in total.codes.items():
        style = {"4": "warning", "5": "error"}.get(code[:1], "good")
        spans += [(style, clean(code)), ("plain", f" {rate:,.1f}/s  ")]
    return spans if total.codes else [*spans, ("plain", "no response yet")]


def _descriptors(total: Figures) -> str:
    return "" if total.descriptors is None else f"  descriptors {total.descriptors}"


def _size(number: float | None) -> str:
    return "?" if number is None else size(number)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "more" if math.isinf(seconds) else duration(seconds)


def _curve(history: History, frame: Frame, name: str) -> str:
    room = max(0, min(CURVE, frame.columns - 52))
    values = list(history.curves.get(name, ()))[-room:] if room else []
    return curve(values, BLOCKS if frame.unicode else PLAIN_BLOCKS).rjust(room)


def curve(values: Sequence[float], blocks: str = BLOCKS) -> str:
    """Return a small curve; its top is the largest value."""
    most = max(values, default=0.0)
    if most <= 0:
        return blocks[0] * len(values)
    last = len(blocks) - 1
    steps = (math.ceil(last * max(0.0, value) / most) for value in values)
    return "".join(blocks[min(step, last)] for step in steps)


_WORKER = "{:<8} {:>8} {:>8} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}"
_WORKER_HEAD = ("WORKER", "PID", "CPU %", "MEMORY", "THREADS", "REQ/S", "IN FLIGHT", "P50", "P99")


def _workers(history: History) -> list[Line]:
    lines: list[Line] = [[], [("head", _WORKER.format(*_WORKER_HEAD))]]
    for name, one in history.workers.items():
        cells = (
            clean(name)[:8],
            str(one.pid),
            f"{100 * one.cpu:.1f}",
            _size(one.memory),
            str(one.threads),
            "-" if one.requests is None else f"{one.requests:,.1f}",
            "-" if one.requests is None else str(one.in_flight),
            _time(one.p50),
            _time(one.p99),
        )
        lines.append([("plain", _WORKER.format(*cells))])
    return lines


def _lower(history: History, frame: Frame, room: int) -> list[Line]:
    """Rows, and the stack of the selected one when it is wanted."""
    look = history.latest
    if look is None:
        return []
    if not frame.stack_open:
        return _rows(look.rows, frame, room)
    shown = min(max(room // 3, 2), len(look.rows) + 1)
    return [*_rows(look.rows, frame, shown), [], *_stack(look.stack, look.asked, room - shown - 1)]


def _rows(rows: list[Row], frame: Frame, room: int) -> list[Line]:
    what = "THREAD" if frame.threads else "REQUEST IN FLIGHT"
    many = any(row.worker for row in rows)
    worker = f"{'WORKER':<8} " if many else ""
    lines: list[Line] = [[("head", f"{'AGE':>8}  {worker}{what} ({len(rows)})")]]
    first = min(max(0, frame.selected - room + 2), max(0, len(rows) - room + 1))
    for at, row in list(enumerate(rows))[first : first + room - 1]:
        age = "" if row.age is None else duration(row.age)
        worker = f"{clean(row.worker)[:8]:<8} " if many else ""
        text = f"{age:>8}  {worker}{clean(row.text)}"
        style = "selected" if at == frame.selected else "slow" if (row.age or 0) > 1 else "plain"
        lines.append([(style, fit(text, frame.columns) if style == "selected" else text)])
    return lines


def _stack(stack: list[list[object]] | None, row: Row | None, room: int) -> list[Line]:
    if row is None or stack is None:
        return [[("plain", "asking ...")]]
    if not stack:
        said = "no thread is known for it" if row.ident is None else "it is over"
        return [[("plain", f"{clean(row.text)}: {said}")]]
    lines: list[Line] = [[("head", f"STACK of {clean(row.text)}")]]
    # The inner end is what tells most
    frames = stack[-max((room - 1) // 2, 1) :]
    for file, line, function, source in frames:
        lines.append([("place", clean(f"{function}  {file}:{line}"))])
        lines.append([("plain", f"    {clean(str(source))}")])
    return lines


def as_text(lines: Iterable[Line]) -> str:
    """Return lines without their styles."""
    return "\n".join("".join(text for _, text in line).rstrip() for line in lines)


def cut(line: Line, columns: int) -> Line:
    """Return as much of a line as there are columns for, with nothing in it that could control the
    terminal.
    """
    found: Line = []
    for style, unsafe in line:
        text = clean(unsafe)
        taken = width(text)
        if taken > columns:
            return [*found, (style, fit(text, columns))] if columns > 0 else found
        found.append((style, text))
        columns -= taken
    return found
