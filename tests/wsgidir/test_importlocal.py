"""`importlocal`: files that use files beside them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ashd.wsgidir import LocalImportError, application, getmod, importlocal
from ashdtest.processes import wait_until
from ashdtest.wsgifiles import OLD, Asker, Gate, answering, call, save

IMPORT = "from ashd.wsgidir import importlocal\n"


@pytest.mark.parametrize("file", ["b.pyl", "b.py"])
def test_a_name_without_a_dot(tmp_path: Path, file: str) -> None:
    save(tmp_path / file, f"value = {file!r}\n")
    path = save(tmp_path / "a.wsgi", f"{IMPORT}b = importlocal('b')\n")
    assert getmod(path).mod.b.value == file


def test_pyl_comes_first(tmp_path: Path) -> None:
    save(tmp_path / "b.pyl", "value = 'pyl'\n")
    save(tmp_path / "b.py", "value = 'py'\n")
    path = save(tmp_path / "a.wsgi", f"{IMPORT}b = importlocal('b')\n")
    assert getmod(path).mod.b.value == "pyl"


def test_a_name_with_a_dot(tmp_path: Path) -> None:
    save(tmp_path / "b.txt", "value = 1\n")
    path = save(tmp_path / "a.wsgi", f"{IMPORT}b = importlocal('b.txt')\n")
    assert getmod(path).mod.b.value == 1


def test_the_module_is_shared(tmp_path: Path) -> None:
    save(tmp_path / "b.py", "value = []\n")
    first = getmod(save(tmp_path / "a1.wsgi", f"{IMPORT}b = importlocal('b')\n")).mod
    second = getmod(save(tmp_path / "a2.wsgi", f"{IMPORT}b = importlocal('b')\n")).mod
    assert first.b is second.b is getmod(tmp_path / "b.py").mod


def test_a_changed_neighbour_is_seen_by_the_next_call(tmp_path: Path) -> None:
    neighbour = save(tmp_path / "b.py", "value = 1\n")
    path = save(tmp_path / "a.wsgi", f"{IMPORT}def value():\n    return importlocal('b').value\n")
    assert getmod(path).mod.value() == 1
    save(neighbour, "value = 22\n")
    assert getmod(path).mod.value() == 22


@pytest.mark.parametrize("name", ["c", "c.py", "", ".", "..", "../b", "b/c", "/etc/passwd", "b\0"])
def test_names_of_no_neighbour(tmp_path: Path, name: str) -> None:
    save(tmp_path / "b.py", "")
    text = f"{IMPORT}def get(name):\n    return importlocal(name)\n"
    with pytest.raises(LocalImportError) as caught:
        getmod(save(tmp_path / "a.wsgi", text)).mod.get(name)
    assert isinstance(caught.value, ImportError)


def test_a_caller_that_is_no_file() -> None:
    with pytest.raises(LocalImportError, match="only be called from code in a file"):
        exec("importlocal('b')", {"importlocal": importlocal})


def test_files_that_import_each_other(tmp_path: Path) -> None:
    save(tmp_path / "a.py", f"{IMPORT}early = 1\nb = importlocal('b')\nlate = 2\n")
    save(tmp_path / "b.py", f"{IMPORT}a = importlocal('a')\nseen = a.early, hasattr(a, 'late')\n")
    a = getmod(tmp_path / "a.py").mod
    assert a.b.seen == (1, False)
    assert a.b.a is a


@pytest.mark.parametrize("mtime", [None, OLD])
@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_file_whose_wmain_imports_what_imports_it(
    tmp_path: Path, mtime: float | None, loaded_before: bool
) -> None:
    text = f"{IMPORT}early = 1\ndef wmain():\n    return importlocal('b').application\n"
    path = save(tmp_path / "a.wsgi", text, mtime)
    text = f"{IMPORT}a = importlocal('a.wsgi')\nassert a.early\n{answering(b'good')}"
    save(tmp_path / "b.py", text, mtime)
    if loaded_before:
        getmod(path)
    assert call(application, path).body == b"good"


def test_threads_that_load_files_that_import_each_other(tmp_path: Path) -> None:
    begun = "with open(__file__ + '.begun', 'w'): pass\n"
    gates = {name: Gate(tmp_path, f"gate-{name}") for name in "ab"}
    for name, other in ("ab", "ba"):
        waits = begun + gates[name].text
        save(tmp_path / f"{name}.py", f"{IMPORT}{waits}{other} = importlocal('{other}')\n")
    askers = [Asker(partial(getmod, tmp_path / f"{name}.py")) for name in "ab"]
    wait_until(lambda: all((tmp_path / f"{name}.py.begun").exists() for name in "ab"))
    for gate in gates.values():
        gate.open()
    a, b = (asker.result().mod for asker in askers)
    assert a.b is b
    assert b.a is a
