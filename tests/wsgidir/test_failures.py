"""Files that fail to load: what clients get, what the log has, and what goes on serving."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from ashd.wsgidir import (
    CachedModule,
    LoadError,
    ModuleCache,
    application,
    chain,
    getmod,
    static,
)
from ashdtest.wsgifiles import OLD, answering, call, save

FAILING = {
    "syntax": ("def (:\n", "SyntaxError"),
    "name": ("undefined\n", "NameError: name 'undefined' is not defined"),
    "import": ("import no_such_module_anywhere\n", "ModuleNotFoundError"),
    "exit": ("raise SystemExit(3)\n", "SystemExit: 3"),
    "encoding": ("# coding: nonsense\n", "unknown encoding"),
    "nul": ("x = 1\0\n", "null bytes"),
    "wmain": ("def wmain():\n    undefined\n", "line 2, in wmain"),
    "wmain's result": ("def wmain():\n    return 'x'\n", "returned 'x', which is not a WSGI"),
    "neither": ("x = 1\n", "neither wmain() nor an application"),
    "no application": ("application = 3\n", "neither wmain() nor an application"),
}


@pytest.fixture(params=FAILING)
def failing(request: pytest.FixtureRequest) -> tuple[str, str]:
    return FAILING[request.param]


def test_a_new_file_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failing: tuple[str, str]
) -> None:
    text, complaint = failing
    path = save(tmp_path / "a.wsgi", text)
    answer = call(application, path)
    assert answer.status == 500
    assert str(path).encode() not in answer.body
    (record,) = caplog.records
    assert complaint in record.getMessage()
    assert str(path) in record.getMessage().splitlines()[0]
    good = save(path, answering(b"good"))
    assert call(application, good).body == b"good"


def test_a_broken_edit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failing: tuple[str, str]
) -> None:
    text, complaint = failing
    path = save(tmp_path / "a.wsgi", answering(b"one"))
    assert call(application, path).body == b"one"
    save(path, text)
    for _ in range(3):
        assert call(application, path).body == b"one"
    assert getmod(path).mod.__current__
    (record,) = caplog.records
    assert complaint in record.getMessage()
    assert "earlier version goes on" in record.getMessage()
    save(path, answering(b"three"))
    assert call(application, path).body == b"three"


def test_a_failure_is_logged_once_for_each_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.wsgi"
    for number in (1, 2):
        save(path, f"raise ValueError({number})\n")
        for _ in range(3):
            assert call(application, path).status == 500
    failures = [record.getMessage() for record in caplog.records]
    assert ["ValueError: 1" in failures[0], "ValueError: 2" in failures[1]] == [True, True]
    assert len(failures) == 2


def test_the_log_has_the_files_own_lines_and_none_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.wsgi", "def fail():\n    return 1 / 0  # here\n\nfail()\n")
    call(application, path)
    (record,) = caplog.records
    assert f'File "{path}", line 2, in fail\n    return 1 / 0  # here' in record.getMessage()
    assert "_slot.py" not in record.getMessage()


def test_the_lines_are_those_of_the_newest_save(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.wsgi", "raise ValueError  # the first\n")
    call(application, path)
    save(path, "raise ValueError  # a second\n")
    call(application, path)
    assert "# a second" in caplog.records[1].getMessage()


def test_what_a_file_lacked_may_come_later(tmp_path: Path) -> None:
    cache = ModuleCache(retry_after=0)
    path = save(tmp_path / "a.py", "from ashd.wsgidir import importlocal\nb = importlocal('b')\n")
    with pytest.raises(LoadError, match=r"no b\.pyl or b\.py"):
        cache.get(str(path))
    save(tmp_path / "b.py", "value = 3\n")
    assert cache.get(str(path)).mod.b.value == 3


def test_a_failure_is_not_tried_again_at_once(tmp_path: Path) -> None:
    cache = ModuleCache(retry_after=3600)
    text = "import pathlib\npathlib.Path(__file__ + '.loads').open('x').close()\nraise ValueError\n"
    path = save(tmp_path / "a.py", text)
    for _ in range(3):
        with pytest.raises(LoadError, match="could not be loaded: ValueError"):
            cache.get(str(path))


def test_the_error_tells_what_happened(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "undefined\n")
    with pytest.raises(LoadError) as caught:
        getmod(path)
    assert caught.value.path == str(path)
    assert caught.value.details.startswith("Traceback")
    assert "line 1, in <module>\n    undefined" in caught.value.details


def test_a_file_is_finished_once_for_each_load(tmp_path: Path) -> None:
    finished: list[int] = []

    def finish(entry: CachedModule) -> None:
        finished.append(entry.mod.value)

    path = save(tmp_path / "a.py", "value = 1\n", OLD)
    for _ in range(3):
        getmod(path, finish)
    save(path, "value = 22\n", OLD)
    getmod(path, finish)
    assert finished == [1, 22]


def test_a_version_is_finished_once_for_each_who_asks_for_it(tmp_path: Path) -> None:
    finished: list[str] = []

    def first(_: CachedModule) -> None:
        finished.append("first")

    def second(_: CachedModule) -> None:
        finished.append("second")

    path = save(tmp_path / "a.py", "value = 1\n")
    for finish in (first, second, first, second):
        getmod(path, finish)
    assert finished == ["first", "second"]
    save(path, "value = 22\n")
    getmod(path, second)
    assert finished == ["first", "second"] * 2


def test_a_file_that_is_loaded_already_is_finished_when_that_is_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"a"), OLD)
    module = getmod(path).mod
    assert call(application, path).body == b"a"
    assert getmod(path).mod is module


def test_a_file_that_was_used_otherwise_before_it_fails_as_an_application(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.wsgi", "value = 3\n", OLD)
    assert getmod(path).mod.value == 3
    assert call(application, path).status == 500
    assert getmod(path).mod.value == 3
    (record,) = caplog.records
    assert record.getMessage().endswith("neither wmain() nor an application that can be called")


def test_wmain_is_called_once_for_each_load(tmp_path: Path) -> None:
    text = """
calls = []

def wmain():
    calls.append(1)
    return application

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(len(calls)).encode()]
"""
    path = save(tmp_path / "a.wsgi", text, OLD)
    assert {call(application, path).body for _ in range(3)} == {b"1"}
    save(path, text + "#\n", OLD)
    assert {call(application, path).body for _ in range(3)} == {b"1"}


def test_exceptions_of_an_application_are_the_servers(tmp_path: Path) -> None:
    text = "def application(environ, start_response):\n    raise KeyError('mine')\n"
    with pytest.raises(KeyError, match="mine"):
        call(application, save(tmp_path / "a.wsgi", text))


def test_an_interrupted_load_is_no_failure(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "raise KeyboardInterrupt\n")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            getmod(path)


@pytest.mark.parametrize("handler", [application, chain, static])
def test_no_file_was_named(caplog: pytest.LogCaptureFixture, handler: Any) -> None:
    assert call(handler, None).status == 500
    assert "must be called through dirplex" in caplog.text


def test_a_file_that_another_one_needs(tmp_path: Path) -> None:
    save(tmp_path / "b.py", "undefined\n")
    text = "from ashd.wsgidir import importlocal\ndef application(*_):\n    importlocal('b')\n"
    with pytest.raises(LoadError, match=r"b\.py"):
        call(application, save(tmp_path / "a.wsgi", text))


def test_the_source_of_a_file_that_is_gone_is_shown(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", "def fail():\n    raise ValueError  # and this comment\n", OLD)
    entry = getmod(path)
    assert getmod(path) is entry
    path.unlink()
    with pytest.raises(ValueError) as caught:
        entry.mod.fail()
    assert "# and this comment" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(LoadError):
        getmod(path)
    assert repr(entry.mod.__current__) == "<replaced version>"
    assert repr(entry) == f"<CachedModule {entry.mod!r}>"
