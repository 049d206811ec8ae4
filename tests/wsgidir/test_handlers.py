"""Which handler serves a file, and that a name leads nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashd.wsgidir import Directory, HandlerNameError, application
from ashdtest.wsgifiles import OLD, Answer, answering, call, save

MODULE = """
from ashd.wsgidir import getmod

def shout(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [getmod(environ["SCRIPT_FILENAME"]).mod.text.upper().encode()]

text = "no handler"
_imported = True
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that can be imported, with handlers in it."""
    package = tmp_path / "site" / "shouting"
    package.mkdir(parents=True)
    save(package / "__init__.py", MODULE)
    save(package / "handlers.py", MODULE)
    save(package / "broken.py", "raise ValueError('first line\\nsecond line')\n")
    save(package / "exits.py", "raise SystemExit\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield "shouting"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shouting"]:
        del sys.modules[name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(tmp_path / "a.fpy", "text = 'quiet'\n" + answering(b"chained"), OLD)


def by_header(name: str, path: Path, app: object = application) -> Answer:
    return call(app, path, HTTP_X_ASH_PYTHON_HANDLER=name)


@pytest.mark.parametrize("extension", [".wsgi", ".wsgi3"])
def test_extensions_of_our_own(tmp_path: Path, extension: str) -> None:
    path = save(tmp_path / f"a.b{extension}", answering(b"chained"))
    assert call(application, path).body == b"chained"


def test_a_header_names_one_of_our_own_handlers(path: Path) -> None:
    assert by_header("chain", path).body == b"chained"
    assert by_header("static", path).body == path.read_bytes()
    assert by_header("ashd.wsgidir.chain", path).body == b"chained"


def test_a_header_names_a_handler_of_a_module(module: str, path: Path) -> None:
    assert by_header(f"{module}.shout", path).body == b"QUIET"
    assert by_header(f"{module}.handlers.shout", path).body == b"QUIET"


def test_the_header_comes_before_the_extension(module: str, tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", "text = 'quiet'\n")
    assert by_header(f"{module}.shout", path).body == b"QUIET"


def test_a_handler_of_an_extension(module: str, path: Path) -> None:
    app = Directory({".fpy": f"{module}.shout"})
    assert call(app, path).body == b"QUIET"
    assert call(app, save(path.with_name("a.wsgi"), answering(b"chained"))).body == b"chained"
    assert by_header("chain", path, app).body == b"chained"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("getmod", "'getmod' is not a handler of ashd.wsgidir; there are chain, static"),
        ("ashd.wsgidir.wmain", "'wmain' is not a handler of ashd.wsgidir"),
        ("Directory", "is not a handler of"),
        ("", "must be MODULE.OBJECT"),
        (".", "must be MODULE.OBJECT"),
        (".chain", "must be MODULE.OBJECT"),
        ("shouting.", "must be MODULE.OBJECT"),
        ("shouting..shout", "must be MODULE.OBJECT"),
        ("shouting.shout\n", "must be MODULE.OBJECT"),
        ("../x.y", "must be MODULE.OBJECT"),
        ("shouting.sh\xf6ut", "must be MODULE.OBJECT"),
        ("shouting.text", "can't be called"),
        ("shouting.missing", "has no 'missing'"),
        ("shouting.missing.x", "can't be imported: ModuleNotFoundError"),
        ("shouting.broken.x", "can't be imported: ValueError: first line"),
        ("shouting.exits.x", "can't be imported: SystemExit"),
    ],
)
def test_names_that_lead_nowhere(
    module: str, path: Path, caplog: pytest.LogCaptureFixture, name: str, complaint: str
) -> None:
    for _ in range(2):
        caplog.clear()
        answer = by_header(name, path)
        assert answer.status == 500
        assert b"erroneously configured" in answer.body
        (record,) = caplog.records
        assert complaint in record.getMessage()
        assert "\n" not in record.getMessage()


def test_names_limited_to_modules(
    module: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Directory({".fpy": f"{module}.shout"}, modules=[f"{module}.handlers", "other"])
    assert by_header(f"{module}.handlers.shout", path, app).body == b"QUIET"
    assert by_header("chain", path, app).body == b"chained"
    assert call(app, path).body == b"QUIET"
    assert by_header(f"{module}.shout", path, app).status == 500
    assert by_header("wsgiref.simple_server.demo_app", path, app).status == 500
    assert [record.getMessage().count("is not allowed; ") for record in caplog.records] == [
        1,
        1,
    ]


def test_a_limit_to_a_package_takes_in_what_is_in_it(module: str, path: Path) -> None:
    app = Directory(modules=[module])
    assert by_header(f"{module}.handlers.shout", path, app).body == b"QUIET"
    assert by_header(f"{module}more.shout", path, app).status == 500


def test_a_limit_keeps_modules_from_being_imported(module: str, path: Path) -> None:
    by_header(f"{module}.shout", path, Directory(modules=["other"]))
    assert module not in sys.modules


@pytest.mark.parametrize(
    "key",
    ["HTTP_X_ASH_PYTHON_HANDLER_", "X_ASH_PYTHON_HANDLER", "HTTP_PYTHON_HANDLER", "HTTP_X_ASH"],
)
def test_other_variables_name_no_handler(module: str, path: Path, key: str) -> None:
    assert call(application, path, **{key: f"{module}.shout"}).status == 500
    assert module not in sys.modules


def test_no_handler_for_the_extension(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = call(application, save(tmp_path / "a.txt", ""))
    assert answer.status == 500
    assert b"erroneously configured" in answer.body
    assert f"no handler is registered for the extension of {tmp_path}/a.txt" in caplog.text


@pytest.mark.parametrize("handler", [None, "chain", "static"])
@pytest.mark.parametrize("path", [None, ""])
def test_no_script_filename(
    caplog: pytest.LogCaptureFixture, path: str | None, handler: str | None
) -> None:
    more = {"HTTP_X_ASH_PYTHON_HANDLER": handler} if handler else {}
    answer = call(application, path, **more)
    assert answer.status == 500
    assert b"erroneously configured" in answer.body
    assert "SCRIPT_FILENAME is not set" in caplog.text


def test_a_missing_file_with_a_handler_of_a_module(
    module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("missing.x", "x" * 300, "nul\0.x"):
        assert by_header(f"{module}.shout", tmp_path / name).status == 500
    assert caplog.text.count("is not a readable file") == 3


def test_a_file_that_fails_with_a_handler_of_a_module(
    module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "a.x", "undefined\n")
    for _ in range(2):
        assert by_header(f"{module}.shout", path).status == 500
    assert len(caplog.records) == 1


def test_a_bad_handler_for_an_extension() -> None:
    with pytest.raises(HandlerNameError, match="'getmod' is not a handler"):
        Directory({".x": "getmod"})
