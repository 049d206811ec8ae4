"""Header lines are judged once, and what was found out is kept within a bound."""

from __future__ import annotations

import pytest

from ashd.htparser._errors import RequestError
from ashd.htparser._kept import Kept
from ashd.htparser._limits import MAX_KEPT_LINE, MAX_KEPT_LINES
from ashd.htparser._request_lines import MalformedLine, read_field


def test_a_line_means_the_same_each_time() -> None:
    lines = Kept(read_field)
    for _ in range(2):
        field = lines[b"Host: \t a.example \t"]
        assert (field.name, field.value, field.key) == (b"Host", b"a.example", b"host")
        assert field.encoded == b"Host\0a.example\0"
        assert lines[b"x_ASH.file: /etc"].encoded == b""
        with pytest.raises(MalformedLine):
            lines[b"Host : a"]
        with pytest.raises(RequestError):
            lines[b"Host: a,b"]


def test_lines_are_kept_within_a_bound() -> None:
    lines = Kept(read_field)
    for number in range(3 * MAX_KEPT_LINES):
        assert lines[b"A: %d" % number].value == b"%d" % number
        assert len(lines) <= MAX_KEPT_LINES
    long = b"Cookie: " + b"a" * MAX_KEPT_LINE
    assert lines[long].value == long.removeprefix(b"Cookie: ")
    assert long not in lines
