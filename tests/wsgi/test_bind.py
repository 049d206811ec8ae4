"""What `--bind` makes of addresses, and `--check-config` of everything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ashd.wsgi._bind import portspec
from ashd.wsgi._errors import UsageError
from ashdtest.commands import HELLO, attempt, command, module


def test_addresses() -> None:
    assert {address: portspec(address) for address in ADDRESSES} == ADDRESSES


ADDRESSES = {
    ":8080": "plain:port=8080",
    "8080": "plain:port=8080",
    "127.0.0.1:8080": "plain:port=8080,bind=127.0.0.1",
    "localhost:80": "plain:port=80,bind=localhost",
    "[::1]:80": "plain:port=80,bind=[::1]",
    "unix:/run/app.sock": "plain:unix=/run/app.sock",
    "unix:app.sock,mode=660,group=www-data": "plain:unix=app.sock,mode=660,group=www-data",
    "unix:80": "plain:unix=80",
    "fd://3": "plain:fd=3",
    "plain": "plain",
    "plain:port=1,bind=::1": "plain:port=1,bind=::1",
    "ssl:cert=a.pem,port=443": "ssl:cert=a.pem,port=443",
    "other:cert=a": "other:cert=a",
}


@pytest.mark.parametrize("address", ["", "localhost", "::1", "a:b", "::1:80", "http://a:80"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UsageError, match=r"give HOST:PORT, :PORT, \[IPV6\]:PORT, unix:PATH, fd://"):
        portspec(address)


def check(folder: Path, *words: str) -> tuple[int, str, str]:
    argv = command("--check-config", "-p", folder, *words)
    outcome = attempt(argv, stdin=subprocess.DEVNULL)
    return outcome.status, outcome.stdout, outcome.stderr


def test_checking(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO)
    said = (
        f"application: app:application is the function application from {folder}/app.py\n"
        "model: pool:max=3\nworkers: 2\nlistens: plain:port=8080, plain:unix=/run/app\n"
    )
    words = ("-tpool:max=3", "-w2", "--bind=:8080", "--bind=unix:/run/app", "app:application")
    assert check(folder, *words) == (0, said, "")
    status, out, err = check(folder, "--bind=:8080", "-l5", "app")
    assert (status, err.count("-l 5 has no effect")) == (0, 1)
    assert out.startswith("application: app: is the function application from ")
    status, out, _ = check(folder, "app")
    assert (status, out.splitlines()[2:]) == (
        0,
        ["workers: none, one process", "listens: as a front end tells it"],
    )
    for wrong, told in (
        (("app:nothing",), "app has no 'nothing'"),
        (("-tnonsense", "app:application"), "there is no model 'nonsense'"),
        (("--bind=x", "app:application"), "--bind x: give HOST:PORT"),
        (("--bind=:99999", "app:application"), "--bind :99999: plain: port must be a number"),
        (("--bind=:80", "--front-end=--nope", "app:application"), "the front end: unrecognized"),
        (("--bind=fd://3", "--bind=fd://3", "app:application"), "want the same inherited socket"),
        (("-mnonsense", "app:application"), "-m nonsense: "),
        (("--bind=plain:help", "app:application"), "--bind plain:help: plain:help asks for help"),
    ):
        status, out, err = check(folder, *wrong)
        assert status in (1, 2)
        assert out == ""
        assert told in err
