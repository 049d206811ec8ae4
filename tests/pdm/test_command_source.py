from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.pdm.command.repl._remote import complete, describe, source
from ashd.pdm.command.repl._source import is_complete, question, statements


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("1", True),
        ("x = 1; y = 2", True),
        ("f(", False),
        ("f(\n1", False),
        ("f(\n1)", True),
        ("if x:", False),
        ("if x:\n    y", False),
        ("if x:\n    y\n", True),
        ("@decorated", False),
        ('"""text', False),
        ("await something()", True),
        ("async with a as b:", False),
        ("1 +", True),  # the daemon says what is wrong
        ("x = 1\ny = 2", True),
    ],
)
def test_what_may_be_run(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


def test_source_is_split_into_statements() -> None:
    text = "import os; x = 'ä'; y\n# a comment\n\n@f(\n1)\ndef g():\n\n    return 1\nawait h()\n"
    assert statements(text) == [
        "import os",
        "x = 'ä'",
        "y",
        "@f(\n1)\ndef g():\n\n    return 1",
        "await h()",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment"])
def test_nothing_has_no_statements(text: str) -> None:
    assert statements(text) == []


def test_what_cant_be_parsed_stays_whole() -> None:
    for text in ("1 +\n2", "(" * 1000 + ")" * 1000, "1" + "+1" * 100_000):
        assert statements(text) == [text]
        assert is_complete(text)


def test_long_expressions_are_split() -> None:
    text = "x = " + "+".join(["1"] * 500)
    assert statements(f"{text}\n1") == [text, "1"]


@given(st.text(alphabet="ab\n \t'\\é\u2028", max_size=30))
def test_strings_keep_their_value_without_empty_lines(content: str) -> None:
    raw = content.replace("'", "").replace("\\", "")
    text = f"x = [1, {('q' + content)!r}, '''a\n\n{raw}b''', 2]"
    (sent,) = statements(text)
    assert "\n\n" not in sent
    assert ast.literal_eval(sent[4:]) == ast.literal_eval(text[4:])


def test_empty_lines_in_formatted_strings_are_left_alone() -> None:
    for text in ("f'''{x}\n\n'''", "f'''{\"\"\"a\n\n\"\"\"}'''"):
        assert statements(text) == [text]


def test_questions() -> None:
    assert question(" os.path? ") == "os.path?"
    assert question("f??") == "f??"
    assert question("'why?'") is None


class Secretive:
    @property
    def costly(self) -> int:
        raise AssertionError("a property was called")

    plain = "text"


NAMES = {"secretive": Secretive(), "series": [1], "table": {"one": 1, b"two": 2, 3: 3}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sec", (3, ["secretive"])),
        ("x = [sec", (3, ["secretive"])),
        ("secretive.pl", (2, ["plain"])),
        ("secretive.co", (2, ["costly"])),
        ("secretive.costly.re", (2, [])),
        ("no_such_thing.re", (2, [])),
        ("f(series.appe", (4, ["append"])),
        ("table['o", (2, ["'one']"])),
        ("table[", (0, ["'one']", "b'two']", "3]"])),
        ("series[", (0, [])),
        ("from no_such_module import x", (1, [])),
        ("import collections.ab", (14, ["collections.abc"])),
        ("from collections import OrderedD", (8, ["OrderedDict"])),
        ("isinst", (6, ["isinstance"])),
        ("whil", (4, ["while"])),
        ("", (0, [])),
        ("'text", (0, [])),
    ],
)
def test_completion(text: str, expected: tuple[int, list[str]]) -> None:
    assert complete(text, NAMES) == expected


def test_private_names_only_when_they_are_asked_for() -> None:
    assert not any(name.startswith("_") for name in complete("series.", NAMES)[1])
    assert "__len__" in complete("series.__l", NAMES)[1]


def test_descriptions() -> None:
    assert describe("ast.parse", {"ast": ast})[1].startswith("signature  parse(")
    assert describe("nothing", {}) == ["there is no nothing here"]
    assert source("complete", {"complete": complete})[0].startswith("def complete(")
    assert "no source" in source("len", {})[-1]
