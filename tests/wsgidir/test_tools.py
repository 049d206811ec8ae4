"""Loaded modules are modules like others for the tools that look into them."""

from __future__ import annotations

import inspect
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any

from ashd.wsgidir import getmod
from ashdtest.wsgifiles import OLD, save

POINT = """
from __future__ import annotations

import dataclasses

@dataclasses.dataclass
class Point:
    x: int
    y: int = dataclasses.field(default=0, kw_only=True)
    origin: ClassVar[Point] = None

from typing import ClassVar

@dataclasses.dataclass
class Marked:
    kind: ClassVar[str]
    name: str

def application():
    # says nothing
    raise ValueError(__name__)
"""


def test_dataclasses_with_string_annotations(tmp_path: Path) -> None:
    module = getmod(save(tmp_path / "a.wsgi", POINT)).mod
    assert module.Marked("x") == module.Marked(name="x")
    assert repr(module.Point(1, y=2)).startswith("Point(x=1, y=2")


def test_the_module_is_found_under_its_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", POINT)
    module = getmod(path).mod
    assert sys.modules[module.__name__] is module
    assert module.__file__ == str(path)
    assert module.__name__.isidentifier()
    loader: Any = module.__loader__
    assert loader.get_filename(module.__name__) == str(path)


def test_a_replaced_module_is_not(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", POINT)
    old = getmod(path).mod
    new = getmod(save(path, POINT + "\n")).mod
    assert old is not new
    assert sys.modules[old.__name__] is new


def test_pickles(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", POINT)
    module = getmod(path).mod
    pickled = pickle.dumps(module.Marked("x"))
    assert pickle.loads(pickled) == module.Marked("x")
    newer = getmod(save(path, POINT + "\n")).mod
    assert pickle.loads(pickled) == newer.Marked("x")


def test_inspect(tmp_path: Path) -> None:
    module = getmod(save(tmp_path / "a.wsgi", POINT)).mod
    assert "# says nothing" in inspect.getsource(module.application)
    assert inspect.getsource(module.Marked).startswith("@dataclasses.dataclass\nclass Marked")
    assert inspect.getmodule(module.application) is module
    assert inspect.getsource(module) == POINT


def test_inspect_sees_the_newest_save(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", "def one():\n    return 1\n")
    assert "return 1" in inspect.getsource(getmod(path).mod.one)
    save(path, "def one():\n    return 2\n")
    assert "return 2" in inspect.getsource(getmod(path).mod.one)


def test_tracebacks_of_calls(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", POINT, OLD)
    text = trace(getmod(path).mod)
    assert f'File "{path}", line ' in text
    assert "    raise ValueError(__name__)" in text


def test_tracebacks_once_the_file_is_gone(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", POINT, OLD)
    module = getmod(path).mod
    path.unlink()
    assert "    raise ValueError(__name__)" in trace(module)


def trace(module: object) -> str:
    try:
        module.application()  # type: ignore[attr-defined]
    except ValueError:
        return traceback.format_exc()
    raise AssertionError


def test_coding_lines_and_byte_order_marks(tmp_path: Path) -> None:
    latin = tmp_path / "latin.wsgi"
    latin.write_bytes("# coding: latin-1\nvalue = 'ä'\n".encode("latin-1"))
    marked = tmp_path / "marked.wsgi"
    marked.write_bytes("\ufeffvalue = 'ä'\r\n".encode())
    assert getmod(latin).mod.value == getmod(marked).mod.value == "ä"
    assert inspect.getsource(getmod(latin).mod).endswith("value = 'ä'\n")


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = save(tmp_path / b"\xff.wsgi".decode(errors="surrogateescape"), "value = 1\n")
    assert getmod(path).mod.value == 1
