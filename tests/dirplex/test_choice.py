"""Which stanza serves a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashd.dirplex import parse
from ashd.dirplex._config import Config, Match, Subject, choose, find_handler

NEAR = """
match
  filename *.near
  handler near-name
match
  pathname here.*
  handler near-path
match
  filename *.local
  local
  handler near-local
match
  default
  filename *.fallback
  handler near-default
child both
  exec near
"""
FAR = """
match
  filename *.near *.local *.far
  handler far-name
match
  pathname a/*/exact.path
  handler far-path
match
  default
  handler far-default
match
  filename *.fallback2
  handler far-late
match directory
  filename b
  handler directory
match directory
  default
  handler any-directory
match notfound
  filename b
  handler lost
child both
  exec far
child only
  exec far
"""


@pytest.fixture
def configs(tmp_path: Path) -> tuple[Config, ...]:
    (tmp_path / "near").write_text(NEAR)
    (tmp_path / "far").write_text(FAR)
    return parse(str(tmp_path / "near"), "a/b"), parse(str(tmp_path / "far"))


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("a/b/x.near", "near-name"),
        ("a/b/here.x", "near-path"),
        ("a/b/c/here.x", "far-default"),
        ("a/b/x.local", "near-local"),
        ("a/b/c/x.local", "far-name"),
        ("a/b/x.far", "far-name"),
        ("a/b/exact.path", "far-path"),
        ("a/b/c/exact.path", "far-default"),
        ("a/b/x.fallback", "near-default"),
        ("a/b/x.fallback2", "far-late"),
        ("a/b/x.other", "far-default"),
    ],
)
def test_files(configs: tuple[Config, ...], path: str, action: str) -> None:
    match = choose(configs, Subject.FILE, path)
    assert match is not None
    assert match.action == action


@pytest.mark.parametrize(
    ("subject", "path", "action"),
    [
        (Subject.DIRECTORY, "a/b", "directory"),
        (Subject.DIRECTORY, "a", "any-directory"),
        (Subject.DIRECTORY, "", "any-directory"),
        (Subject.NOT_FOUND, "a/b", "lost"),
        (Subject.NOT_FOUND, "a/x", None),
    ],
)
def test_others(
    configs: tuple[Config, ...], subject: Subject, path: str, action: str | None
) -> None:
    match = choose(configs, subject, path)
    assert (match and match.action) == action


def test_nothing_holds(configs: tuple[Config, ...]) -> None:
    assert choose(configs[:1], Subject.FILE, "a/b/x.other") is None


def test_handlers_are_the_nearest_of_their_name(configs: tuple[Config, ...]) -> None:
    for name, argv in [("both", ("near",)), ("only", ("far",))]:
        handler = find_handler(configs, name)
        assert handler is not None
        assert handler.argv == argv
    assert find_handler(configs, "neither") is None


def test_stanzas_that_were_passed_do_not_count(configs: tuple[Config, ...]) -> None:
    passed: list[Match] = []
    actions = []
    while match := choose(configs, Subject.FILE, "a/b/x.near", passed):
        passed.append(match)
        actions.append(match.action)
    assert actions == ["near-name", "far-name", "far-default"]
