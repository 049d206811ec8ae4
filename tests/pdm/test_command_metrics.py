from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.pdm import SpecError
from ashd.pdm.command.metrics._format import Family, metric_name, render
from ashd.pdm.command.metrics._serve import parse_address


def test_families() -> None:
    family = Family("x_total", "counter", "a \\ and\na line")
    family.add(1, {"code": 'a"b\\c\nd', "worker": ""})
    family.add(2.5, suffix="_sum")
    assert render([family, Family("empty", "gauge", "nothing")]) == (
        "# HELP x_total a \\\\ and\\na line\n"
        "# TYPE x_total counter\n"
        'x_total{code="a\\"b\\\\c\\nd"} 1\n'
        "x_total_sum 2.5\n"
    )


def test_odd_numbers() -> None:
    family = Family("x", "gauge", "")
    for value in (math.inf, -math.inf, math.nan):
        family.add(value)
    assert render([family]).splitlines()[2:] == ["x +Inf", "x -Inf", "x NaN"]


@given(st.text())
def test_names_are_valid(text: str) -> None:
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", metric_name(text))


def test_addresses() -> None:
    assert parse_address("127.0.0.1:9100") == ("127.0.0.1", 9100)
    assert parse_address("[::1]:0") == ("::1", 0)
    assert parse_address("localhost:80") == ("localhost", 80)


@pytest.mark.parametrize(
    "text", ["", "9100", ":9100", "host:x", "1.2.3.4", "host.name:80", "1.2.3.4:99999"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SpecError, match="ADDRESS:PORT"):
        parse_address(text)
