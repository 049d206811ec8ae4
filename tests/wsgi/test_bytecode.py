"""Compiled modules: an application that is started again never runs code that was replaced.

The sources here keep size and time when they change, as two saves within one second do.
"""

from __future__ import annotations

import os
import py_compile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from ashdtest.commands import command
from ashdtest.handlers import running

SAVED = 1_700_000_000  # seconds
ENVIRONMENT = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}

WAYS = {
    "the module itself": "VERSION = b'{version}'\n",
    "a module that it imports": "from part import VERSION\n",
    "a module of a package": "from parts.part import VERSION\n",
    "a module that importlib loads from its file": """
import importlib.util, pathlib
path = pathlib.Path(__file__).with_name("part.py")
spec = importlib.util.spec_from_file_location("loaded", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
VERSION = module.VERSION
""",
}

SERVE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [VERSION]
"""


def save(folder: Path, way: str, version: str, time: int = SAVED) -> list[Path]:
    """Write an application, all of its files with the same time; return them."""
    (folder / "parts").mkdir(exist_ok=True)
    sources = {
        folder / "app.py": WAYS[way].format(version=version) + SERVE,
        folder / "part.py": f"VERSION = b'{version}'\n",
        folder / "parts" / "part.py": f"VERSION = b'{version}'\n",
    }
    for path, source in sources.items():
        path.write_text(source, encoding="utf-8")
        os.utime(path, (time, time))
    return list(sources)


def served(folder: Path) -> bytes:
    with running(command("-Ap", folder, "app"), env=ENVIRONMENT) as handler:
        return handler.call().body


@pytest.mark.parametrize("way", WAYS)
def test_new_code_of_the_same_size_and_time(tmp_path: Path, way: str) -> None:
    for version in ("old", "new"):
        save(tmp_path, way, version)
        assert served(tmp_path) == version.encode()


@pytest.mark.parametrize("way", WAYS)
def test_old_code_that_somebody_else_has_just_compiled(tmp_path: Path, way: str) -> None:
    for path in save(tmp_path, way, "old"):
        cache = Path(str(py_compile.compile(str(path), doraise=True)))
        os.utime(cache, (SAVED + 1, SAVED + 1))
    save(tmp_path, way, "new")
    assert served(tmp_path) == b"new"


def test_a_cache_that_holds_rubbish(tmp_path: Path) -> None:
    save(tmp_path, "the module itself", "old")
    served(tmp_path)
    cache = Path(cache_from_source(str(tmp_path / "app.py")))
    for rubbish in (b"", cache.read_bytes()[:-10], cache.read_bytes()[:16] + b"i\0\0\0\0"):
        cache.write_bytes(rubbish)
        assert served(tmp_path) == b"old"


@pytest.mark.parametrize("by", ["us", "somebody else"])
def test_what_was_compiled_is_used(tmp_path: Path, by: str) -> None:
    for path in save(tmp_path, "a module that it imports", "old"):
        if by == "somebody else":
            py_compile.compile(str(path), doraise=True)
    served(tmp_path)
    caches = sorted(tmp_path.glob("**/*.pyc"))
    before = [cache.stat().st_mtime_ns for cache in caches]
    assert cache_from_source(str(tmp_path / "part.py")) in map(str, caches)
    served(tmp_path)
    assert [cache.stat().st_mtime_ns for cache in caches] == before


def test_nothing_is_compiled_where_python_must_not(tmp_path: Path) -> None:
    save(tmp_path, "a module that it imports", "old")
    with running(
        command("-Ap", tmp_path, "app"), env=ENVIRONMENT | {"PYTHONDONTWRITEBYTECODE": "1"}
    ) as handler:
        assert handler.call().body == b"old"
    assert list(tmp_path.glob("**/*.pyc")) == []


def test_a_private_source_stays_private_when_compiled(tmp_path: Path) -> None:
    for path in save(tmp_path, "the module itself", "old"):
        path.chmod(0o600)
    served(tmp_path)
    assert {cache.stat().st_mode & 0o077 for cache in tmp_path.glob("**/*.pyc")} == {0}
