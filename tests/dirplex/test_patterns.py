"""Shell patterns, as fnmatch(3) has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.dirplex._patterns import compile_pattern

MATCHING = [
    ("*.wsgi", "a.wsgi"),
    ("*.wsgi", ".wsgi"),
    ("*", "a/b"),
    ("?", "ä"),
    ("a?c", "abc"),
    ("[abc]", "b"),
    ("[a-c]x", "bx"),
    ("[!a-c]", "d"),
    ("[^a-c]", "d"),
    ("[]]", "]"),
    ("[!]]", "a"),
    ("[a-]", "-"),
    ("[[:digit:]]", "7"),
    ("[![:digit:]_]", "x"),
    ("[[:alpha:][:space:]]", " "),
    (r"[\]]", "]"),
    (r"[a\-z]", "-"),
    ("[", "["),
    ("[abc", "[abc"),
    (r"\*", "*"),
    ("\\", "\\"),
    ("a.b", "a.b"),
    ("*\n", "x\n"),
    ("", ""),
]
OTHER = [
    ("*.wsgi", "a.wsgi~"),
    ("*.wsgi", "a.wsgiold"),
    ("a.b", "axb"),
    ("?", ""),
    ("?", "ab"),
    ("[abc]", "d"),
    ("[!a-c]", "b"),
    (r"[a\-z]", "m"),
    (r"\*", "x"),
    ("a", "A"),
    ("a", "a\n"),
]


@pytest.mark.parametrize(("pattern", "name"), MATCHING)
def test_matching(pattern: str, name: str) -> None:
    assert compile_pattern(pattern).fullmatch(name)


@pytest.mark.parametrize(("pattern", "name"), OTHER)
def test_not_matching(pattern: str, name: str) -> None:
    assert not compile_pattern(pattern).fullmatch(name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("*/*", "a/b", True),
        ("a/*.txt", "a/b.txt", True),
        ("a/*.txt", "a/b/c.txt", False),
        ("a?b", "a/b", False),
        ("a[!x]b", "a/b", False),
        ("a[/]b", "a/b", False),
        ("a/b", "a/b", True),
    ],
)
def test_slashes_in_path_names(pattern: str, name: str, matches: bool) -> None:
    assert bool(compile_pattern(pattern, pathname=True).fullmatch(name)) is matches


def test_a_range_that_runs_backwards() -> None:
    with pytest.raises(ValueError, match="is not a pattern"):
        compile_pattern("[z-a]")


def test_many_stars_take_no_longer() -> None:
    for pathname in (False, True):
        pattern = compile_pattern("*a" * 30 + "*b", pathname=pathname)
        assert not pattern.fullmatch("a" * 4096)
        assert pattern.fullmatch("a" * 4096 + "b")


def matches(pattern: str, name: str, any_one: str) -> bool:
    """Say what a pattern of letters, stars and question marks matches, in the plainest way."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        longer = bool(name) and name[0] in any_one and matches(pattern, name[1:], any_one)
        return longer or matches(pattern[1:], name, any_one)
    allowed = any_one if pattern[0] == "?" else pattern[0]
    return bool(name) and name[0] in allowed and matches(pattern[1:], name[1:], any_one)


@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=8))
def test_stars_match_what_they_should(pattern: str, name: str) -> None:
    for pathname, any_one in ((False, "ab/"), (True, "ab")):
        found = compile_pattern(pattern, pathname=pathname).fullmatch(name)
        assert bool(found) is matches(pattern, name, any_one)
