"""An access log: lines are made of many requests at once, and none is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from ashd.accesslog import AccessFormat, AccessLog, Entry, LogFile


def new_log(path: Path) -> AccessLog:
    return AccessLog(LogFile(str(path)), AccessFormat("{target}"))


def entry(target: str) -> Entry:
    return ([], ()), b"GET", target.encode(), b"HTTP/1.1", b"200", 0, None


def targets(path: Path) -> list[str]:
    return path.read_text("ascii").split()


def test_requests_wait_for_the_next_tick_at_most(tmp_path: Path) -> None:
    log = new_log(tmp_path / "log")
    log.add(entry("/a"))
    assert targets(tmp_path / "log") == []
    log.tick()
    assert targets(tmp_path / "log") == ["/a"]
    log.add(entry("/b"))
    log.close()
    assert targets(tmp_path / "log") == ["/a", "/b"]


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """Whoever adds requests makes lines of them in time, without being asked."""
    log = new_log(tmp_path / "log")
    asked = [f"/{number}" for number in range(5000)]
    for target in asked:
        log.add(entry(target))
    assert len(targets(tmp_path / "log")) > 4000
    log.close()
    assert targets(tmp_path / "log") == asked


def test_a_file_that_was_moved_away_gets_what_came_before(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "old"
    log = new_log(path)
    log.add(entry("/before"))
    path.rename(old)
    log.reopen()
    log.tick()
    log.add(entry("/after"))
    log.close()
    assert (targets(old), targets(path)) == (["/before"], ["/after"])


def test_many_threads_may_add_requests(tmp_path: Path) -> None:
    log = new_log(tmp_path / "log")

    def add(name: int) -> None:
        for number in range(3000):
            log.add(entry(f"/{name}/{number}"))

    threads = [threading.Thread(target=add, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        log.tick()
    for thread in threads:
        thread.join()
    log.close()
    found = targets(tmp_path / "log")
    assert sorted(found) == sorted(
        f"/{name}/{number}" for name in range(4) for number in range(3000)
    )
