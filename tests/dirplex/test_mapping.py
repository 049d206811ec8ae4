"""From rest strings to files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ashd.dirplex import parse
from ashd.dirplex._config import Config, Subject
from ashd.dirplex._mapping import Captured, Found, Malformed, Mapper, Missing, Redirect, Result

Map = Callable[[bytes], Result]

FILES = """
    top.txt  page.html  page.css  two.a  two.b  sub/inner.txt  sub/index.html  sub/deep/x.y.z
    .hidden  .well-known/acme  empty/.keep  other/home  plain  sp%20ace
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in [*FILES.split(), "a b", "ä", "semi;colon"]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to("sub")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (tmp_path / "outside.txt").write_text("outside")
    return root


@pytest.fixture
def map_(tree: Path, tmp_path: Path) -> Map:
    (tmp_path / "a.rc").write_text("index-file index.html home\ndot-allow .well-known\n")
    return Mapper(str(tree), (parse(str(tmp_path / "a.rc")),), lambda _: None).map


@pytest.mark.parametrize(
    ("rest", "path", "left"),
    [
        (b"top.txt", "top.txt", b""),
        (b"top.txt/", "top.txt", b"/"),
        (b"top.txt/more/x", "top.txt", b"/more/x"),
        (b"top", "top.txt", b""),
        (b"top/more", "top.txt", b"/more"),
        (b"top//%2e%2e/", "top.txt", b"//%2e%2e/"),
        (b"two", "two.a", b""),
        (b"plain", "plain", b""),
        (b"sub/inner.txt", "sub/inner.txt", b""),
        (b"sub/inner", "sub/inner.txt", b""),
        (b"sub/", "sub/index.html", b""),
        (b"sub/deep/x", "sub/deep/x.y.z", b""),
        (b"link/inner", "link/inner.txt", b""),
        (b"other/", "other/home", b""),
        (b".well-known/acme", ".well-known/acme", b""),
        (b"a%20b", "a b", b""),
        (b"%C3%A4", "ä", b""),
        (b"\xc3\xa4", "ä", b""),
        (b"s%75b/%69nner.txt", "sub/inner.txt", b""),
        (b"sp%2520ace", "sp%20ace", b""),
        (b"semi%3Bcolon/%2F", "semi;colon", b"/%2F"),
    ],
)
def test_files(map_: Map, rest: bytes, path: str, left: bytes) -> None:
    result = map_(rest)
    assert isinstance(result, Found)
    assert (result.subject, result.path, result.rest) == (Subject.FILE, path, left)


@pytest.mark.parametrize(("rest", "path"), [(b"", ""), (b"empty/", "empty"), (b"sub/deep/", None)])
def test_directories(map_: Map, rest: bytes, path: str | None) -> None:
    result = map_(rest)
    assert isinstance(result, Found)
    assert result.subject is Subject.DIRECTORY
    assert result.path == (rest.decode().rstrip("/") if path is None else path)


@pytest.mark.parametrize("rest", [b"sub", b"sub/deep", b"link", b".well-known"])
def test_a_directory_without_its_slash(map_: Map, rest: bytes) -> None:
    assert isinstance(map_(rest), Redirect)


@pytest.mark.parametrize(
    ("rest", "last"),
    [
        (b"missing", ""),
        (b"missing.txt", ""),
        (b"sub/missing/x", "sub"),
        (b"page.", ""),
        (b"x.y", ""),
        (b"sub/deep/x.y", "sub/deep"),
        (b".hidden", ""),
        (b".htrc", ""),
        (b"empty/.keep", "empty"),
        (b"%2ehidden", ""),
        (b"/", ""),
        (b"/top.txt", ""),
        (b"sub//inner.txt", "sub"),
        (b"sub//", "sub"),
        (b".", ""),
        (b"./top.txt", ""),
        (b"..", ""),
        (b"../outside.txt", ""),
        (b"sub/../top.txt", "sub"),
        (b"sub/%2e%2e/top.txt", "sub"),
        (b"..%2foutside.txt", ""),
        (b"sub%2finner.txt", ""),
        (b"top.txt%00", ""),
        (b"%00", ""),
        (b"fifo", "fifo"),
        (b"dangling", ""),
        (b"loop", ""),
        (b"x" * 300, ""),
        (b"%ff", ""),
    ],
)
def test_what_is_not_found(map_: Map, rest: bytes, last: str) -> None:
    result = map_(rest)
    assert isinstance(result, Missing)
    assert result.path == last


@pytest.mark.parametrize("rest", [b"%zz", b"sub/%", b"sub/%4", b"top.txt%4g/x", b"%%41"])
def test_what_is_not_an_escape(map_: Map, rest: bytes) -> None:
    assert isinstance(map_(rest), Malformed)


def test_dots_may_be_allowed_but_never_lead_upwards(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "a.rc").write_text("dot-allow *\n")
    map_ = Mapper(str(tree), (parse(str(tmp_path / "a.rc")),), lambda _: None).map
    assert isinstance(map_(b".hidden"), Found)
    for rest in (b"..", b"../outside.txt", b"%2e%2e/outside.txt", b".", b"sub/../top.txt"):
        assert isinstance(map_(rest), Missing)


def test_index_files_of_the_nearest_configuration(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "far.rc").write_text("index-file index\n")
    (tmp_path / "near.rc").write_text("index-file inner none\n")
    (tmp_path / "off.rc").write_text("index-file\n")
    far, near, off = (parse(str(tmp_path / f"{n}.rc"), "sub") for n in ("far", "near", "off"))

    def index(*configs: Config) -> str:
        result = Mapper(str(tree), configs, lambda _: None).map(b"sub/")
        assert isinstance(result, Found)
        return result.path

    assert index(far) == "sub/index.html"
    assert index(near, far) == "sub/inner.txt"
    assert index(off, far) == "sub"
    assert index() == "sub"


def test_a_directorys_own_configuration_is_nearer(tree: Path) -> None:
    def own(directory: str) -> Config | None:
        return None if directory == "sub" else Config(directory)

    result = Mapper(str(tree), (Config(None),), own).map(b"sub/deep/x")
    assert isinstance(result, Found)
    assert [config.directory for config in result.configs] == ["sub/deep", "", None]


def test_a_directory_that_goes_while_its_path_is_followed(tree: Path) -> None:
    def remove(directory: str) -> None:
        if directory:
            shutil.rmtree(tree / directory)

    result = Mapper(str(tree), (), remove).map(b"sub/inner")
    assert isinstance(result, Missing)
    assert result.path == "sub"


def test_captures(tree: Path, tmp_path: Path) -> None:
    htrc = tmp_path / ".htrc"
    htrc.write_text("capture x\n")
    captured = parse(str(htrc), "sub")

    def map_(rest: bytes, directory: str) -> Result:
        configs = {directory: captured}
        return Mapper(str(tree), (), configs.get).map(rest)

    for rest, left in [
        (b"sub/", b""),
        (b"sub//c", b"c"),
        (b"sub/a//b", b"a//b"),
        (b"sub/../x", b"../x"),
    ]:
        result = map_(rest, "sub")
        assert isinstance(result, Captured)
        assert (result.capture.handler, result.rest) == ("x", left)
    assert isinstance(map_(b"sub", "sub"), Redirect)
    assert isinstance(map_(b"top", ""), Found)
    htrc.write_text("capture x D\n")
    captured = parse(str(htrc), "")
    result = map_(b"top/x", "")
    assert isinstance(result, Captured)
    assert result.rest == b"top/x"
