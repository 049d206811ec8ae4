"""The arguments of `ashd-wsgi ashd.wsgidir ARGS...`."""

from __future__ import annotations

from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

from ashd import wsgidir
from ashd.wsgidir import Directory, Error, UsageError, cachedmod, handler, wmain
from ashd.wsgiutil import ResponseRecorder
from ashdtest.wsgifiles import answering, call, save

QUOTED = """
def application(environ, start_response):
    raise ValueError("<b>&</b>")
"""


def test_no_arguments(tmp_path: Path) -> None:
    assert call(wmain(), save(tmp_path / "a.wsgi", answering(b"a"))).body == b"a"


def test_extensions(tmp_path: Path) -> None:
    app = wmain(".txt=static", ".app=chain")
    assert call(app, save(tmp_path / "a.txt", "text")).body == b"text"
    assert call(app, save(tmp_path / "a.app", answering(b"a"))).body == b"a"
    assert call(wmain(), tmp_path / "a.txt").status == 500


def test_an_extension_may_get_another_handler(tmp_path: Path) -> None:
    assert call(wmain(".wsgi=static"), save(tmp_path / "a.wsgi", "text")).body == b"text"


def test_allowed_modules(tmp_path: Path) -> None:
    path = save(tmp_path / "a.x", "text")
    name = "wsgiref.simple_server.demo_app"
    for arguments, status in [
        ((), 200),
        (("-M", "wsgiref"), 200),
        (("-Mwsgiref.simple_server", "-M", "x"), 200),
        (("-M", "x"), 500),
        (("-VM", "x"), 500),
    ]:
        answer = call(wmain(*arguments), path, HTTP_X_ASH_PYTHON_HANDLER=name)
        assert answer.status == status


def test_validation(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", "def application(e, s):\n    return 'no list'\n")
    environ: dict[str, object] = {"SCRIPT_FILENAME": str(path), "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    start_response = ResponseRecorder()
    unchecked: object = wmain()(environ, start_response)
    assert unchecked == "no list"
    with pytest.raises(AssertionError, match="You should not return a string"):
        wmain("-V")(environ, start_response)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-x"], "option -x not recognized"),
        (["-M"], "option -M requires argument"),
        (["wsgi=chain"], "'wsgi=chain' is not of the form .EXT=HANDLER"),
        ([".wsgi"], "is not of the form"),
        ([".wsgi="], "is not of the form"),
        ([".=chain"], "is not of the form"),
        ([".tar.gz=static"], "is not of the form"),
        (["=chain"], "is not of the form"),
        ([".x=getmod"], "'getmod' is not a handler of ashd.wsgidir"),
        ([".x=no_such_module.x"], "can't be imported: ModuleNotFoundError"),
        ([".x=chain", "-V"], "'-V' is not of the form"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        wmain(*arguments)
    assert complaint in str(caught.value)
    assert isinstance(caught.value, Error)


def test_words_that_the_original_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = wmain("foo", ".txt=static")
    assert call(app, save(tmp_path / "a.txt", "text")).body == b"text"
    (record,) = caplog.records
    assert "the argument 'foo' is ignored" in record.getMessage()


def test_names_of_the_original_library() -> None:
    assert cachedmod().mod is None
    assert cachedmod(wsgidir, 3).mtime == 3
    assert isinstance(handler(), Directory)


@pytest.mark.parametrize("text", ["", "-D", "-V"])
def test_tracebacks_are_shown_for_development_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = save(tmp_path / "a.wsgi", "raise ValueError('<b>&</b>')  # <script>\n")
    answer = call(wmain(*text.split()), path)
    assert answer.status == 500
    shown = answer.body.decode()
    assert ("ValueError: &lt;b&gt;&amp;&lt;/b&gt;" in shown) is (text == "-D")
    assert ("# &lt;script&gt;" in shown) is (text == "-D")
    assert "<b>" not in shown
    assert "ValueError: <b>&</b>" in caplog.text


def test_tracebacks_of_a_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path / "a.wsgi", QUOTED)
    answer = call(wmain("-D"), path)
    assert answer.status == 500
    assert f"File &quot;{path}&quot;, line 3, in application" in answer.body.decode()
    assert "raise ValueError(&quot;&lt;b&gt;&amp;&lt;/b&gt;&quot;)" in answer.body.decode()
    assert 'raise ValueError("<b>&</b>")' in caplog.text


def test_tracebacks_of_an_iterator(tmp_path: Path) -> None:
    text = """
closed = []

class application:
    def __init__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])

    def __iter__(self):
        raise KeyError("late")
        yield

    def close(self):
        closed.append(1)
"""
    path = save(tmp_path / "a.wsgi", text)
    answer = call(wmain("-D"), path)
    assert answer.status == 500
    assert b"KeyError: &#x27;late&#x27;" in answer.body


def test_what_works_is_untouched_by_the_development_option(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"a"))
    answer = call(wmain("-D"), path)
    assert (answer.status, answer.body) == (200, b"a")


def test_a_client_cannot_ask_for_tracebacks(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", "raise ValueError('mine')\n")
    answer = call(wmain(), path, HTTP_ASHD_WSGIDIR_DEBUG="1")
    assert b"mine" not in answer.body
