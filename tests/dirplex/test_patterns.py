"""Shell patterns, as fnmatch(3) has them."""

from __future__ import annotations

import pytest

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
    with pytest.raises(ValueError, match="is no pattern"):
        compile_pattern("[z-a]")
