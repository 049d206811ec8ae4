"""The configuration language: what is taken, and how errors are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashd.dirplex import ConfigError, parse
from ashd.dirplex._config import Capture, Subject
from ashd.dirplex._lines import split_words

FULL = r"""
# A comment, and an empty line

index-file index "home page" # not a comment here
dot-allow .well-known .[ab]*

child one
	exec prog "two words" three\ words \"quoted\" back\\slash ""
   # an indented comment
fchild two
 exec other

match
  filename *.wsgi *.x
  pathname a/*
  handler one
  set X-Plain "some value"
  xset python-handler chain

match directory
  default
  fork htls -x

match notfound
  filename *.old
  handler .notfound
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b", ["a", "b"]),
        ("\ta\t b  \r", ["a", "b"]),
        ('"a b"c', ["a bc"]),
        (r"a\ b", ["a b"]),
        (r"\"a\"", ['"a"']),
        (r'"a\"b"', ['a"b']),
        (r"a\\b", ["a\\b"]),
        ('"" x', ["", "x"]),
        ("a#b # c", ["a#b", "#", "c"]),
        ("", []),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert list(split_words(line)) == words


def test_everything(tmp_path: Path) -> None:
    path = tmp_path / "full.rc"
    path.write_text(FULL)
    config = parse(str(path))
    assert config.index_files == ("index", "home page", "#", "not", "a", "comment", "here")
    assert [p.pattern for p in config.dot_allow] == [r"\.well\-known", r"\.[ab].*"]
    one = config.handlers["one"]
    assert one.argv == ("prog", "two words", "three words", '"quoted"', "back\\slash", "")
    assert (one.persistent, one.directory, one.origin) == (True, "", str(path))
    assert not config.handlers["two"].persistent
    first, second, third = config.matches
    assert (first.subject, first.default, first.action) == (Subject.FILE, False, "one")
    assert first.headers == ((b"X-Plain", b"some value"), (b"X-Ash-python-handler", b"chain"))
    assert (second.subject, second.default) == (Subject.DIRECTORY, True)
    assert not isinstance(second.action, str)
    assert second.action.argv == ("htls", "-x")
    assert (third.subject, third.action) == (Subject.NOT_FOUND, ".notfound")
    assert config.capture is None


def test_a_directorys_own(tmp_path: Path) -> None:
    path = tmp_path / ".htrc"
    path.write_text("capture x D\nchild x\n exec y\nmatch\n local\n fork z\n")
    config = parse(str(path), "a/b")
    assert config.capture == Capture("x", in_root=True)
    assert config.handlers["x"].directory == "a/b"
    path.write_text("capture x\n")
    assert parse(str(path), "").capture == Capture("x", in_root=False)


def test_no_index_files(tmp_path: Path) -> None:
    path = tmp_path / "a.rc"
    path.write_text("index-file\n")
    assert parse(str(path)).index_files == ()
    path.write_text("")
    assert parse(str(path)).index_files is None


def test_includes(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    for name in ("b", "a"):
        (tmp_path / "conf.d" / f"{name}.rc").write_text(f"child {name}\n exec {name}\n")
    (tmp_path / "more.rc").write_text("include conf.d/*.rc\ninclude none-*.rc\n")
    path = tmp_path / "main.rc"
    path.write_text("include more.rc\nchild c\n exec c\n")
    config = parse(str(path))
    assert list(config.handlers) == ["a", "b", "c"]
    assert {handler.origin for handler in config.handlers.values()} == {str(path)}
    assert [Path(source).name for source in config.sources] == [
        "main.rc",
        "more.rc",
        "a.rc",
        "b.rc",
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("nonsense", 1, "unknown directive 'nonsense'; there are include, index-file"),
        ("\n\n  exec x", 3, "an indented line needs an unindented one above it"),
        ('child "x', 1, "a double quote is not closed"),
        ("child x\\", 1, "nothing behind the backslash"),
        ("child x\0", 1, "NUL byte"),
        ("child", 1, "this should be: child NAME"),
        ("child a b\n exec x", 1, "this should be: child NAME"),
        ("child x", 1, "child needs exactly one line below it: exec PROGRAM"),
        ("fchild x\n exec a\n exec b", 1, "fchild needs exactly one line"),
        ("child x\n run a", 1, "exactly one line below it: exec"),
        ("child x\n exec", 2, "this should be: exec PROGRAM"),
        ("child x\n exec a\nfchild x\n exec b", 3, "there is a handler 'x' in this"),
        ("index-file a\n b", 2, "index-file takes no lines below it"),
        ("dot-allow", 1, "this should be: dot-allow PATTERN..."),
        ("include", 1, "this should be: include GLOB..."),
        ("include missing.rc", 1, "there is no file missing.rc"),
        ("include a.rc", 1, "include one another more than 16 deep"),
        ("capture x", 1, "capture works in .htrc files only"),
        ("match other\n default\n fork x", 1, "unknown type 'other' of match"),
        ("match a b\n default", 1, "this should be: match [directory|notfound]"),
        ("match\n fork x", 1, "match needs a rule"),
        ("match\n default", 1, "match needs exactly one action"),
        ("match\n default\n fork x\n handler y", 1, "exactly one action"),
        ("match\n default\n fork", 3, "this should be: fork PROGRAM"),
        ("match\n default\n handler a b", 3, "this should be: handler NAME"),
        ("match\n default x\n fork y", 2, "this should be: default"),
        ("match\n filename\n fork y", 2, "this should be: filename PATTERN..."),
        ("match\n filename [z-a]\n fork y", 2, "'[z-a]' is no pattern"),
        ("match\n local\n fork y", 2, "local works in .htrc files only"),
        ("match\n nonsense\n fork y", 2, "unknown line 'nonsense' in match; there are filename"),
        ("match\n default\n fork y\n set A", 4, "this should be: set HEADER VALUE"),
        ("match\n default\n fork y\n set A: b", 4, "'A:' is no name of a header"),
        ('match\n default\n fork y\n xset "A B" b', 4, "'A B' is no name of a header"),
        ('match\n default\n fork y\n set A "b\tc"', 4, "control characters"),
    ],
)
def test_errors(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = tmp_path / "a.rc"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        parse(str(path))
    assert str(caught.value).startswith(f"{tmp_path}/a.rc:{line}: ")
    assert reason in caught.value.reason


@pytest.mark.parametrize("text", ["capture", "capture a b c", "capture x Q"])
def test_errors_in_captures(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".htrc"
    path.write_text(text)
    with pytest.raises(ConfigError, match="capture"):
        parse(str(path), "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        parse(str(tmp_path / "missing.rc"))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.rc"
    path.write_bytes(b"match\n filename \xff*\n fork x\n set A \xe4\n")
    with pytest.raises(ConfigError, match="control characters"):
        parse(str(path))
    path.write_bytes(b"match\n filename \xff*\n fork x\n")
    (rule,) = parse(str(path)).matches[0].rules
    assert rule(b"\xffx".decode(errors="surrogateescape"), "")
