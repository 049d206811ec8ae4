"""The configuration language: what is taken, and how errors are told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ashd.dirplex import ConfigError, parse, read_configs
from ashd.dirplex._config import Capture, Handler, Subject
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
    assert isinstance(second.action, Handler)
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
        ("\n\n  exec x", 3, "an indented line needs an unindented one above it"),
        ('child "x', 1, "a double quote is not closed"),
        ("child x\\", 1, "nothing after the backslash"),
        ("child x\0", 1, "NUL byte"),
        ("child", 1, "this should be: child NAME"),
        ("child x", 1, "child needs a line below it: exec PROGRAM"),
        ("child x\n exex a", 2, "unknown line 'exex' in child; there is exec PROGRAM"),
        ("child x\n exec", 2, "this should be: exec PROGRAM"),
        ("child x\n exec a\nfchild x\n exec b", 3, "there is a handler 'x' in this"),
        ("dot-allow", 1, "this should be: dot-allow PATTERN..."),
        ("include", 1, "this should be: include GLOB..."),
        ("include a.rc", 1, "include one another more than 16 deep"),
        ("capture x", 1, "capture works in .htrc files only"),
        ("match other\n default\n fork x", 1, "unknown type 'other' of match"),
        ("match\n fork x", 1, "match needs a rule"),
        ("match\n default", 1, "match needs exactly one action"),
        ("match\n default\n fork x\n handler y", 1, "exactly one action"),
        ("match\n default\n fork", 3, "this should be: fork PROGRAM"),
        ("match\n filename\n fork y", 2, "this should be: filename PATTERN..."),
        ("match\n filename [z-a]\n fork y", 2, "'[z-a]' is not a pattern"),
        ("match\n local\n fork y", 2, "local works in .htrc files only"),
        ("match\n nonsense\n fork y", 2, "unknown line 'nonsense' in match; there are filename"),
        ("match\n default\n fork y\n set A", 4, "this should be: set HEADER VALUE"),
        ("match\n default\n fork y\n set A: b", 4, "'A:' can't be the name of a header"),
        ('match\n default\n fork y\n xset "A B" b', 4, "'A B' can't be the name of a header"),
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


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("nonsense\n a\n b", 1, "unknown directive 'nonsense'; there are include, index-file"),
        ("child a b\n exec x", 1, "this should be: child NAME; the words after that are ignored"),
        ("child x\n exec a\n exec b", 3, "child takes one exec; this one is ignored"),
        ("child x\n run a\n exec a", 2, "unknown line 'run' in child; there is exec"),
        ("index-file a\n b", 2, "index-file takes no lines below it"),
        ("include missing.rc", 1, "/missing.rc can't be included: No such file"),
        ("match directory b\n all\n fork x", 1, "this should be: match [directory|notfound]"),
        ("match\n default x\n fork y", 2, "this should be: default"),
        ("match\n all x\n fork y", 2, "this should be: all"),
        ("match\n all\n handler a b", 3, "this should be: handler NAME"),
        ("match\n all\n reparse a", 3, "this should be: reparse"),
    ],
)
def test_what_is_left_out_is_complained_of(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    path = tmp_path / "a.rc"
    path.write_text(f"{text}\nchild good\n exec x\n")
    config = parse(str(path))
    (complaint,) = config.complaints
    assert str(complaint).startswith(f"{tmp_path}/a.rc:{line}: ")
    assert reason in complaint.reason
    assert config.handlers["good"].argv == ("x",)


def test_of_programs_and_headers_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.rc"
    path.write_text(
        "child x\n exec a\n exec b\nmatch\n all\n fork y\n set A first\n set a second\n"
    )
    config = parse(str(path))
    assert config.handlers["x"].argv == ("a",)
    assert config.matches[0].headers == ((b"A", b"first"),)


@pytest.mark.parametrize("kind", ["fifo", "large"])
def test_a_file_that_would_hold_up_all_requests(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ".htrc"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="it can't be read: it "):
        parse(str(path), "")
    including = tmp_path / "including"
    including.write_text("include .htrc\n")
    assert ".htrc can't be included" in str(parse(str(including), "").complaints[0])


@pytest.mark.parametrize("text", ["capture", "capture x Q"])
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


def test_programs_that_are_missing_are_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not only at the first request: an old configuration names programs in C."""
    config = tmp_path / "site.rc"
    children = ["sh", "no-such-sendfile", "./no-such-file"]
    config.write_text("".join(f"child {name}\n  exec {name} -x\n" for name in children))
    read_configs(str(config), use_global=False, strict=True)
    assert caplog.messages == [f"{config}: no-such-sendfile is not on PATH"]
