"""hgweb: pages, and a repository that `hg` clones from and pushes to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "hgweb"
DISTRIBUTION = "mercurial"
HG = str(Path(sys.executable).parent / "hg")
VARIES = [
    rb"\d+(\.\d+)? \w?B/sec",
    rb"\d+\.\d+ seconds",
    rb'(?<=W/")\d+',
    rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000",
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
]
ENV = {"HGPLAIN": "1", "HGRCPATH": "", "HGUSER": "ann"}


def make() -> Any:
    from mercurial import demandimport

    demandimport.enable()
    from mercurial.hgweb import hgweb

    configuration = Path(os.environ["APPLICATION_STATE"]) / "hgweb.config"
    return hgweb(os.fsencode(configuration))


def prepare(state: Path) -> None:
    repository = state / "repository"
    repository.mkdir()
    (state / "hgweb.config").write_text(
        f"[paths]\nrepository = {repository}\n[web]\npush_ssl = false\nallow_push = *\n"
        "allow_archive = gz zip\n"
    )
    env = {**os.environ, **ENV}

    def hg(*words: str) -> None:
        subprocess.run([HG, *words], cwd=repository, env=env, check=True)

    hg("init")
    for number in range(20):
        (repository / f"file{number}.txt").write_text(f"line {number}\n" * 5000)
        hg("commit", "-A", "-q", "-m", f"change {number}", "-d", f"{1000 + number} 0")


def visit(visitor: Visitor) -> None:
    url = f"{visitor.relay.url}/repository"
    visitor.run(HG, "clone", "--pull", url, "copy", env=ENV)
    copy = visitor.state / "copy"
    (copy / "new.txt").write_text("new\n" * 100_000)
    for words in (
        "commit -A -m new",
        "outgoing",
        "push",
        "push",
        "incoming",
        "pull -u",
        "identify " + url,
    ):
        date = ("-d", "2000 0") if words.startswith("commit") else ()
        visitor.run(HG, *words.split(), *date, env=ENV, cwd=copy)
    visitor.run(HG, "clone", "--stream", url, "streamed", env=ENV)
    visitor.run(HG, "verify", env=ENV, cwd=visitor.state / "streamed")
    visitor.run(HG, "bookmark", "mark", env=ENV, cwd=copy)
    visitor.run(HG, "push", "-B", "mark", env=ENV, cwd=copy)
    for page in (
        *("", "repository", "repository/", "repository/log", "repository/shortlog/5"),
        *("repository/rev/3", "repository/file/tip", "repository/file/tip/new.txt"),
        *("repository/raw-file/tip/file3.txt", "repository/annotate/tip/file1.txt"),
        *("repository/archive/3.zip", "repository/archive/3.tar.gz", "repository/graph"),
        *("repository/static/style-paper.css", "repository/tags", "repository/atom-log"),
        *("repository?cmd=capabilities", "repository?cmd=heads", "repository/rev/nothing"),
        *("repository?cmd=branchmap", "nothing/", "repository/diff/3/file3.txt"),
    ):
        visitor.get(f"/{page}")
    visitor.head("/repository/log")
    first = visitor.get("/repository/")
    visitor.get("/repository/", f"If-None-Match: {first.header('ETag')}")
    visitor.ask("GET", "/repository/raw-file/tip/new.txt", version="HTTP/1.0")
    visitor.ask("POST", "/repository?cmd=unbundle&heads=666f726365", body=b"nonsense")
