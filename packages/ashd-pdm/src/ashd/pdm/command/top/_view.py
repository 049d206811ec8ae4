"""Lays the figures out as lines. Pure functions: no terminal is known here.

A line is a list of spans, (style, text); styles are names, which `_live.py` knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..._records import Stack
from .._text import clean, count, duration, size
from ._figures import Figures, History
from ._look import Row

Line = list[tuple[str, str]]

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS = "_.-=+*#@"
CURVE = 24
"""Columns of a curve, at most."""

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
    """Return as many lines as the screen has, with nothing in them that could control a terminal.
    They may be longer than it is wide.
    """
    lines = [_heading(history, frame), *summary(history, frame)]
    if history.workers and "" not in history.workers:
        lines += _workers(history)
    room = frame.lines - len(lines) - 2
    lines += [[], *_lower(history, frame, max(room, 1))]
    del lines[max(frame.lines - 1, 1) :]
    lines += [[] for _ in range(frame.lines - 1 - len(lines))]
    lines.append([("footer", KEYS.ljust(frame.columns))])
    return [[(style, clean(text)) for style, text in line] for line in lines]


def _heading(history: History, frame: Frame) -> Line:
    words = [("title", "ashd-pdm top"), ("warning", "  paused" if frame.paused else "")]
    words += [("error", f"  {frame.note}" if frame.note else ""), ("title", f"  {frame.target}")]
    for process in list(history.latest.processes.values())[:1]:
        where = f"pid {process['pid']}  " if "" in history.workers else ""
        since = f"up {duration(process['realtime'])}  Python {process['python']}"
        words.append(("plain", f"  {where}{since}"))
    return words


def summary(history: History, frame: Frame) -> list[Line]:
    """Return the lines about all processes together."""
    total = history.total
    descriptors = "" if total.descriptors is None else f"  descriptors {total.descriptors}"
    cpu = _figure(history, frame, "CPU", f"{100 * total.cpu:8.1f} %  ")
    cpu.append(("plain", f"  threads {total.threads}{descriptors}"))
    memory = _figure(history, frame, "memory", f"{_size(total.memory):>10}  ")
    if total.requests is None:
        return [cpu, memory]
    requests = _figure(history, frame, "requests", f"{total.requests:8,.1f} /s ")
    requests += [
        ("plain", "  in flight "),
        ("value", str(total.in_flight)),
        ("plain", f"  served {count(total.total)}"),
    ]
    return [requests, _latency(total), _codes(total), cpu, memory]


def _label(text: str) -> tuple[str, str]:
    return ("label", f"{text:<10}")


def _figure(history: History, frame: Frame, label: str, value: str) -> Line:
    room = max(0, min(CURVE, frame.columns - 52))
    values = list(history.curves[label.lower()])[-room:] if room else []
    drawn = curve(values, BLOCKS if frame.unicode else PLAIN_BLOCKS).rjust(room)
    return [_label(label), ("value", value), ("curve", drawn)]


def _latency(total: Figures) -> Line:
    p50 = [("plain", "     p50 "), ("value", f"{_time(total.p50):<9}")]
    return [_label("latency"), *p50, ("plain", "p99 "), ("value", _time(total.p99))]


def _codes(total: Figures) -> Line:
    spans: Line = [_label("status"), ("plain", "     ")]
    for code, rate in total.codes.items():
        style = {"4": "warning", "5": "error"}.get(code[:1], "good")
        spans += [(style, code), ("plain", f" {rate:,.1f}/s  ")]
    return spans if total.codes else [*spans, ("plain", "no response yet")]


def _size(number: float | None) -> str:
    return "?" if number is None else size(number)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "more" if math.isinf(seconds) else duration(seconds)


def curve(values: Sequence[float], blocks: str = BLOCKS) -> str:
    """Return a small curve; its top is the largest value."""
    most, last = max(values, default=0.0), len(blocks) - 1
    if most <= 0:
        return blocks[0] * len(values)
    steps = (math.ceil(last * max(0.0, value) / most) for value in values)
    return "".join(blocks[min(step, last)] for step in steps)


_WORKER = "{:<8} {:>8} {:>8} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}"
_WORKER_HEAD = ("WORKER", "PID", "CPU %", "MEMORY", "THREADS", "REQ/S", "IN FLIGHT", "P50", "P99")


def _workers(history: History) -> list[Line]:
    lines: list[Line] = [[], [("head", _WORKER.format(*_WORKER_HEAD))]]
    for name, one in history.workers.items():
        cells = (
            name[:8],
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
        worker = f"{row.worker[:8]:<8} " if many else ""
        text = f"{age:>8}  {worker}{row.text}"
        style = "slow" if (row.age or 0) > 1 else "plain"
        is_selected = at == frame.selected
        lines.append([("selected", text.ljust(frame.columns)) if is_selected else (style, text)])
    return lines


def _stack(stack: Stack | None, row: Row | None, room: int) -> list[Line]:
    if row is None or stack is None:
        return [[("plain", "asking ...")]]
    if not stack:
        said = "no thread is known for it" if row.ident is None else "it is over"
        return [[("plain", f"{row.text}: {said}")]]
    lines: list[Line] = [[("head", f"STACK of {row.text}")]]
    for file, line, function, source in stack[-max((room - 1) // 2, 1) :]:  # what tells most
        lines += [[("place", f"{function}  {file}:{line}")], [("plain", f"    {source}")]]
    return lines


def as_text(lines: Iterable[Line]) -> str:
    """Return lines without their styles."""
    return "\n".join("".join(text for _, text in line).rstrip() for line in lines)
