from __future__ import annotations

import math
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.pdm import SpecError
from ashd.pdm.command.metrics._collect import Family, metric_name
from ashd.pdm.command.metrics._run import parse_address, render

SAMPLE = 'x_total{code="a\\"b\\\\c\\nd"} 1.0\n'


def counted() -> Family:
    family = Family("x_total", "counter", "a \\ and\na line")
    family.add(1, {"code": 'a"b\\c\nd', "worker": ""})
    return family


def test_families() -> None:
    pytest.importorskip("prometheus_client")
    assert render([counted(), Family("empty", "gauge", "nothing")]) == (
        f"# HELP x_total a \\\\ and\\na line\n# TYPE x_total counter\n{SAMPLE}"
    )


def test_samples_are_the_same_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "ashd.pdm.command.metrics._serve", raising=False)
    assert render([counted(), Family("empty", "gauge", "nothing")]) == SAMPLE


def test_odd_numbers() -> None:
    pytest.importorskip("prometheus_client")
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
