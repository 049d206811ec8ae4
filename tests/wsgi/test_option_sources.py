"""Options in the environment and in a file; which of them counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ashd.wsgi._errors import UsageError
from ashd.wsgi._options import Options, parse_options
from ashdtest.cases import about
from ashdtest.commands import HELLO, command, module
from ashdtest.handlers import running

FILE = """
model = "pool:max=3"
workers = 3
request-timeout = 1.5
path = ["a", "/b"]
bind = ":80"
leave-logging = true
application = false
max-requests = "100,10"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "options.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def parse(*words: str) -> Options:
    return parse_options("ashd-wsgi", [*words, "app", "--bind", "x"])


def test_a_file(file: Path) -> None:
    options = parse(f"--config={file}")
    assert options.model == "pool:max=3"
    assert options.workers == 3
    assert options.request_timeout == 1.5
    assert options.path == ("/b", str(Path.cwd() / "a"))
    assert options.bind == (":80",)
    assert (options.leave_logging, options.find_application) == (True, False)
    assert options.max_requests == (100, 10)
    assert options.arguments == ("--bind", "x")
    assert [word.partition(" ")[0] for word in options.warnings] == ["-p"] * 2


def test_the_command_line_beats_the_environment_and_that_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASHD_WSGI_ARGS", f"-w 2 -p /c --bind ':8080' --config {file}")
    options = parse("-w1", "--path=/d", "-p/e")
    assert options.workers == 1
    assert options.path == ("/e", "/d")
    assert options.bind == (":8080",)
    assert options.model == "pool:max=3"
    assert parse().workers == 2
    other = file.with_name("other.toml")
    other.write_text('model = "single"', encoding="utf-8")
    assert parse(f"--config={other}").model == "single"
    # what goes to the handler is what was said here; it reads the rest as we did
    assert options.words == ["--workers=1", "--path=/d", "--path=/e"]


def complaint(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(*words)
    return str(caught.value)


def test_what_is_wrong_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    for text, told in {
        "worker = 3": "there is no option 'worker' (did you mean workers?)",
        "max_requests = 3": "there is no option 'max_requests' (did you mean max-requests?)",
        "zzz = 3": "there is no option 'zzz'; known: application, leave-logging, bind,",
        "config = 'x'": "there is no option 'config'",
        "workers = true": "workers takes a text or a number, not True",
        "workers = [1]": "workers takes a text or a number, not [1]",
        "workers = 0": "--workers takes N|auto, above 0, not '0'",
        "bind = [[]]": "bind takes a text, or a list of them, not [[]]",
        "leave-logging = 1": "leave-logging takes true or false, not 1",
        "= 5": "Invalid",
        "workers = 2\nreload = true": "--reload is for development, and excludes --workers",
    }.items():
        path.write_text(text, encoding="utf-8")
        with about(text):
            found = complaint(f"--config={path}")
            assert told in found
            assert found.startswith(("--reload", f"{path}: "))
    path.write_bytes(b'model = "\xff"')
    assert str(path) in complaint(f"--config={path}")
    assert complaint("--config=/no/file") == "--config /no/file: No such file or directory"


def test_what_is_wrong_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, told in {
        "--workes 3": "ASHD_WSGI_ARGS: option --workes not recognized (did you mean --workers?)",
        "-w 0": "ASHD_WSGI_ARGS: --workers takes N|auto, above 0, not '0'",
        "-w 2 app": "ASHD_WSGI_ARGS holds options alone, not 'app'",
        "'": "ASHD_WSGI_ARGS: No closing quotation",
    }.items():
        monkeypatch.setenv("ASHD_WSGI_ARGS", text)
        with about(text):
            assert complaint().startswith(told)
    assert parse_options("ashd-wsgi", ["--help"]).help  # which is for those in need


def test_a_process_and_its_workers_read_them(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO)
    file = tmp_path / "options.toml"
    file.write_text(f'path = "{folder}"\nworkers = 2\napplication = true\n', encoding="utf-8")
    environ = {**os.environ, "ASHD_WSGI_ARGS": f"--config {file} -t single"}
    with running(command("--workers=1", "app"), env=environ) as handler:
        assert handler.call().body == b"application"
