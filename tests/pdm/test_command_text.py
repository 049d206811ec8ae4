from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.pdm._errors import ConnectError, ConnectionLost, ProtocolError, RefusedPickle, SpecError
from ashd.pdm.command._failures import sentence
from ashd.pdm.command._objects import parse_arguments
from ashd.pdm.command._output import say, show, show_event, to_json
from ashd.pdm.command._text import clean, clean_lines, duration, size, table
from ashd.pdm.perf import FinishEvent, LostEvents, StartEvent


@given(st.text())
def test_nothing_from_elsewhere_controls_a_terminal(text: str) -> None:
    assert clean(text).isprintable()
    assert clean_lines(text).replace("\n", "").isprintable()


def test_escapes() -> None:
    assert clean("GET /\x1b[2J\x9b") == "GET /\\x1b[2J\\x9b"
    assert clean("naïve 日本") == "naïve 日本"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (54 << 20, "54.0 MiB"), (-2048, "-2.0 KiB")],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000123, "12 us"),
        (0.0034, "3.4 ms"),
        (0.25, "250 ms"),
        (1.24, "1.2 s"),
        (245, "4m05s"),
        (11520, "3h12m"),
        (200_000, "2d07h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_tables() -> None:
    assert table([("a", "1"), ("bbb", "22")], " r") == ["a     1", "bbb  22"]
    assert table([("日本", "1"), ("e\u0301", "22")]) == ["日本  1", "e\u0301     22"]
    assert table([]) == []


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.sets(st.integers() | st.text()),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.binary(), inner)
    ),
    max_leaves=10,
)


@given(PLAIN)
def test_everything_plain_is_json(value: Any) -> None:
    text = to_json(value)
    text.encode()
    assert "\n" not in text
    json.loads(text)


def test_json_of_what_json_lacks() -> None:
    assert to_json((1, b"\xff", {2: math.nan})) == '[1, "ÿ", {"2": null}]'
    assert to_json(ValueError(7)) == '"ValueError(7)"'  # original servers send such values
    start = StartEvent()
    event = json.loads(to_json(FinishEvent(start, aborted=True)))
    assert (event["class"], event["id"], event["aborted"]) == ("FinishEvent", start.id, True)


def test_shown_values(capsys: pytest.CaptureFixture[str]) -> None:
    say(*show("a\x1bb\nc"))
    assert capsys.readouterr().out == "a\\x1bb\nc\n"
    assert show({"b": 1, "a": 2}) == ["{'b': 1, 'a': 2}"]
    assert show_event(LostEvents(7)) == "7 events were lost: this client is too slow"
    assert show_event("x\n") == "'x\\n'"


def test_arguments_of_calls() -> None:
    words = ["1", "text", "'1'", "[1, 2]", "true", "limit=5", "name=a=b", "a b=c", "null"]
    assert parse_arguments(words) == (
        [1, "text", "1", [1, 2], True, "a b=c", None],
        {"limit": 5, "name": "a=b"},
    )


@pytest.mark.parametrize(
    ("raised", "target", "expected"),
    [
        (ProtocolError("what"), "./x", "./x is not a debug socket"),
        (ConnectionLost("gone"), "./x", "connection to the daemon is lost: gone"),
        (RefusedPickle("bad"), "./x", "not allowed: bad"),
        (SpecError("bad\ntarget"), "?", "bad\\ntarget"),
        (ConnectError("can't connect"), "host:/x", "what ssh said"),
        (PermissionError(13, "Permission denied", "file"), "./x", "file: Permission denied"),
    ],
)
def test_sentences(raised: Exception, target: str, expected: str) -> None:
    assert expected in sentence(raised, target)
