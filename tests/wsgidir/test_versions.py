"""A file's module stays until the file changes, and goes as soon as it does."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ashd.wsgidir
from ashd.wsgidir import LoadError, ModuleCache, UnreadableError, application, getmod
from ashdtest.processes import (
    descriptor_count,
    no_descriptors,
    resident_kib,
    thread_count,
    wait_until,
)
from ashdtest.wsgifiles import (
    OLD,
    Asker,
    Gate,
    answering,
    call,
    public_directory,
    put,
    save,
    without_privileges,
)

COUNT_LOADS = """
with open(__file__ + ".loads", "a") as _file:
    _file.write(".")
"""


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Spare each reload's garbage collection the objects of the tests that ran before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def loads(path: Path) -> int:
    return Path(f"{path}.loads").stat().st_size


def test_an_unchanged_file_is_loaded_once(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + answering(b"a"), OLD)
    assert {call(application, path).body for _ in range(5)} == {b"a"}
    assert loads(path) == 1


def test_an_entry_has_module_lock_and_mtime_and_takes_attributes(tmp_path: Path) -> None:
    entry = getmod(save(tmp_path / "a.py", "value = 3\n", OLD))
    assert entry.mod.value == 3
    assert entry.mtime == OLD
    with entry.lock:
        entry.own = "kept"
    assert getmod(str(tmp_path / "a.py")).own == "kept"


def test_attributes_go_with_the_version(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "value = 3\n", OLD)
    getmod(path).own = "kept"
    entry = getmod(save(path, "value = 44\n"))
    assert entry.mod.value == 44
    assert not hasattr(entry, "own")


def test_a_relative_path_is_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.py", "value = 3\n")
    monkeypatch.chdir(tmp_path)
    assert getmod("a.py") is getmod(path)


def test_a_new_size_is_a_change(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"a"), OLD)
    assert call(application, path).body == b"a"
    save(path, answering(b"longer"), OLD)
    assert call(application, path).body == b"longer"


def test_a_new_date_is_a_change(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + answering(b"a"), OLD)
    call(application, path)
    os.utime(path, ns=(OLD * 10**9, OLD * 10**9 + 1))
    call(application, path)
    assert loads(path) == 2


def test_an_older_file_put_back_is_a_change(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"new"), OLD)
    assert call(application, path).body == b"new"
    save(path, answering(b"old"), OLD - 1000)
    assert call(application, path).body == b"old"


def test_another_inode_is_a_change(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"one"), OLD)
    assert call(application, path).body == b"one"
    put(path, answering(b"two"), OLD)
    assert call(application, path).body == b"two"


def test_two_saves_within_one_tick_of_the_clock_are_two(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"one"))
    before = path.stat()
    assert call(application, path).body == b"one"
    save(path, answering(b"two"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (
        before.st_mtime_ns,
        before.st_size,
        before.st_ino,
    )
    assert call(application, path).body == b"two"


def test_a_fresh_file_is_still_loaded_only_once(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + answering(b"a"))
    for _ in range(5):
        call(application, path)
    assert loads(path) == 1


def test_new_rights_alone_are_no_change(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + answering(b"a"), OLD)
    call(application, path)
    path.chmod(0o600)
    call(application, path)
    call(application, path)
    assert loads(path) == 1


def test_threads_that_ask_at_once_load_a_file_once(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + gate.text + answering(b"a"))
    askers = [Asker(lambda: call(application, path)) for _ in range(8)]
    gate.open()
    assert {asker.result().body for asker in askers} == {b"a"}
    assert loads(path) == 1


def test_a_slow_file_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    slow = save(tmp_path / "slow.wsgi", COUNT_LOADS + gate.text + answering(b"slow"))
    loaded = save(tmp_path / "loaded.wsgi", answering(b"loaded"))
    call(application, loaded)
    asker = Asker(lambda: call(application, slow))
    wait_until(Path(f"{slow}.loads").exists)
    assert call(application, loaded).body == b"loaded"
    new = save(tmp_path / "new.wsgi", answering(b"new"))
    assert call(application, new).body == b"new"
    changed = save(loaded, answering(b"changed"))
    assert call(application, changed).body == b"changed"
    gate.open()
    assert asker.result().body == b"slow"


def test_a_file_that_is_replaced_while_it_is_loaded(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + gate.text + answering(b"one"))
    asker = Asker(lambda: call(application, path))
    wait_until(Path(f"{path}.loads").exists)
    put(path, answering(b"two"))
    gate.open()
    assert asker.result().body == b"one"
    assert call(application, path).body == b"two"


def test_a_file_that_is_overwritten_while_it_is_loaded(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + gate.text + answering(b"one"))
    asker = Asker(lambda: call(application, path))
    wait_until(Path(f"{path}.loads").exists)
    save(path, answering(b"two"))
    gate.open()
    assert asker.result().body == b"one"
    assert call(application, path).body == b"two"


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize("store", [put, save])
def test_requests_never_fail_while_a_file_is_edited(
    tmp_path: Path, store: Callable[[Path, str], Path]
) -> None:
    path = store(tmp_path / "a.wsgi", answering(b"0"))
    call(application, path)
    end = threading.Event()

    def ask() -> set[int]:
        seen = set()
        while not end.is_set():
            answer = call(application, path)
            assert answer.status == 200
            seen.add(int(answer.body))
        return seen

    askers = [Asker(ask) for _ in range(2)]
    for number in range(4):
        store(path, answering(b"%d" % number))
        assert call(application, path).body == b"%d" % number
    end.set()
    assert set().union(*(asker.result() for asker in askers)) <= set(range(4))


def test_a_deleted_file_is_let_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"a"))
    call(application, path)
    module = getmod(path).mod
    path.unlink()
    answer = call(application, path)
    assert answer.status == 500
    assert b"erroneously configured" in answer.body
    assert str(path).encode() not in answer.body
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]
    assert not module.__current__
    assert module.__name__ not in sys.modules
    save(path, answering(b"again"))
    assert call(application, path).body == b"again"


def test_a_file_that_is_deleted_while_others_wait_for_it(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    path = save(tmp_path / "a.wsgi", COUNT_LOADS + gate.text + answering(b"a"))
    askers = [Asker(lambda: call(application, path))]
    wait_until(Path(f"{path}.loads").exists)
    path.unlink()
    askers += [Asker(lambda: call(application, path)) for _ in range(8)]
    wait_until(lambda: all(in_acquire(asker) for asker in askers[1:]))
    gate.open()
    assert askers[0].result().body == b"a"
    assert {asker.result().status for asker in askers[1:]} == {500}


def in_acquire(thread: threading.Thread) -> bool:
    """Tell whether a thread waits for a lock."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "wait"


def test_out_of_descriptors_the_version_that_was_loaded_serves(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"one"))
    assert call(application, path).body == b"one"
    save(path, answering(b"other"))
    new = save(tmp_path / "new.wsgi", answering(b"new"))
    with no_descriptors():
        assert call(application, path).body == b"one"
        with pytest.raises(LoadError, match="Too many open files"):
            getmod(new)
    assert call(application, path).body == b"other"
    assert call(application, new).body == b"new"


def test_an_unreadable_file_is_not_served(caplog: pytest.LogCaptureFixture) -> None:
    with public_directory() as directory:
        path = save(directory / "a.wsgi", answering(b"a"), OLD)
        with without_privileges():
            assert call(application, path).body == b"a"
        path.chmod(0)
        with without_privileges():
            assert call(application, path).status == 500
        assert "Permission denied" in caplog.text
        path.chmod(0o644)
        with without_privileges():
            assert call(application, path).body == b"a"


def test_a_file_that_becomes_a_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path / "a.wsgi", answering(b"a"))
    call(application, path)
    path.unlink()
    path.mkdir()
    before = descriptor_count()
    assert call(application, path).status == 500
    assert descriptor_count() == before
    assert "not a regular file" in caplog.text
    path.rmdir()
    save(path, answering(b"a file"))
    assert call(application, path).body == b"a file"


def test_a_fifo_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wsgi")
    with pytest.raises(UnreadableError, match="regular"):
        getmod(tmp_path / "a.wsgi")


@pytest.mark.parametrize("name", ["missing.wsgi", "nul\0.wsgi", "x" * 300])
def test_a_path_without_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        getmod(f"{tmp_path}/{name}")
    assert isinstance(caught.value, LoadError)
    assert caught.value.path == f"{tmp_path}/{name}"


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    save(tmp_path / "real", answering(b"one"), OLD)
    link = tmp_path / "a.wsgi"
    link.symlink_to("real")
    assert call(application, link).body == b"one"
    save(tmp_path / "other", answering(b"two"), OLD)
    link.unlink()
    link.symlink_to("other")
    assert call(application, link).body == b"two"


def test_a_thousand_files(tmp_path: Path) -> None:
    paths = [
        save(tmp_path / f"{number}.wsgi", answering(b"%d" % number), OLD) for number in range(1000)
    ]
    for _ in range(2):
        for number, path in enumerate(paths):
            assert call(application, path).body == b"%d" % number
    assert len({getmod(path).mod.__name__ for path in paths}) == 1000


@pytest.mark.usefixtures("small_heap")
def test_replaced_versions_are_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.wsgi"
    text = "block = bytes(range(256)) * 4096\n"

    def reload(first: int, last: int) -> None:
        for number in range(first, last):
            save(path, text + answering(b"%d" % number))
            assert call(application, path).body == b"%d" % number

    reload(0, 20)
    before = resident_kib(os.getpid()), thread_count(), descriptor_count()
    reload(20, 220)
    assert resident_kib(os.getpid()) < before[0] + 10 * 1024
    assert (thread_count(), descriptor_count()) == before[1:]


@pytest.mark.usefixtures("small_heap")
def test_failed_versions_are_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.wsgi"
    before = 0
    for number in range(70):
        save(path, f"block = bytes(range(256)) * 4096\nraise ValueError({number})\n")
        assert call(application, path).status == 500
        if number == 20:
            before = resident_kib(os.getpid())
    assert resident_kib(os.getpid()) < before + 10 * 1024


def test_a_thread_of_a_replaced_version_stops_itself(tmp_path: Path) -> None:
    thread = """
import threading

def work():
    while not __current__.wait(60):
        pass

worker = threading.Thread(target=work)
worker.start()
"""
    path = save(tmp_path / "a.py", thread)
    first = getmod(path).mod
    assert first.__current__
    assert first.worker.is_alive()
    second = getmod(save(path, thread + "#")).mod
    first.worker.join(20)
    assert not first.worker.is_alive()
    assert not first.__current__
    assert second.__current__
    assert second.__current__.wait(0) is False
    path.unlink()
    with pytest.raises(LoadError):
        getmod(path)
    second.worker.join(20)
    assert not second.worker.is_alive()


def test_a_thread_of_a_version_that_failed_stops_itself(tmp_path: Path) -> None:
    text = """
import threading
threading.Thread(target=__current__.wait, name="of the failed version").start()
raise ValueError
"""
    with pytest.raises(LoadError):
        getmod(save(tmp_path / "a.py", text))
    wait_until(lambda: "of the failed version" not in [t.name for t in threading.enumerate()])


def test_caches_are_independent(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "")
    assert ModuleCache().get(str(path)).mod is not getmod(path).mod


def test_the_original_name_of_an_entry(tmp_path: Path) -> None:
    assert isinstance(getmod(save(tmp_path / "a.py", "")), ashd.wsgidir.cachedmod)
