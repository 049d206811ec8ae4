"""What has to agree before a release, and which siblings it is tried with: in a small clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ashdtest.release import (
    NEXT,
    PAGE,
    Repository,
    early_faults,
    faults,
    is_written,
    row,
    set_version,
    table_with,
    to_release_first,
    trials,
    written_rows,
)

PROJECT = """\
[project]
name = "{name}"
version = "{version}"
dependencies = [{needs}]
classifiers = ["Programming Language :: Python :: 3.11", "Programming Language :: Python :: 3.13"]

[tool.hatch.build.targets.wheel]
only-include = ["src/ashd/{part}"]
"""
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## {version} (2026-01-02)\n- All.\n"
API = "tests/workspace/api/{name}.txt"


class Toy:
    """A repository with a library, and a program that needs it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q")
        self.write("ashd-lib", "1.0.0")
        self.write("ashd-program", "1.0.0", needs='"ashd-lib>=1.0,<2"')
        self.commit()

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.root), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *who, *words], cwd=self.root, env=env, check=True)

    def put(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def write(
        self, name: str, version: str, *, needs: str = "", api: str = "ashd.f() -> int\n"
    ) -> None:
        part = name.removeprefix("ashd-")
        text = PROJECT.format(name=name, version=version, needs=needs, part=part)
        self.put(f"packages/{name}/pyproject.toml", text)
        self.put(f"packages/{name}/CHANGELOG.md", CHANGELOG.format(version=version))
        source = f'VERSION: str = "{version}"\n'
        self.put(f"packages/{name}/src/ashd/{part}/_version.py", source)
        self.put(API.format(name=name), api)

    def commit(self, *tags: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change")
        for tag in tags:
            self.git("tag", tag)

    def faults(self, name: str, version: str) -> list[str]:
        return faults(Repository(self.root), name, version)

    def trials(self, name: str) -> list[str]:
        return [str(trial) for trial in trials(Repository(self.root), name)]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_nothing_stands_in_the_way_of_what_agrees(toy: Toy) -> None:
    assert toy.faults("ashd-lib", "1.0.0") == []
    toy.commit("ashd-lib/v1.0.0")
    assert toy.faults("ashd-lib", "1.0.0") == []  # as the workflow finds it


def test_what_is_asked_for_makes_no_sense(toy: Toy) -> None:
    for name, version, expected in (
        ("ashd-lob", "1.0.0", "'ashd-lob' is not one of ashd-lib, ashd-program"),
        ("ashd-lib", "one", "'one' is not a version, like 1.2.0"),
        ("ashd-lib", "1.00", "the version '1.00' is normally written '1.0'"),
    ):
        assert toy.faults(name, version) == [expected]


def test_the_working_tree_is_clean(toy: Toy) -> None:
    toy.put("forgotten.py", "")
    (fault,) = toy.faults("ashd-lib", "1.0.0")
    assert "forgotten.py" in fault


def test_version_and_changelog_agree(toy: Toy) -> None:
    metadata, source, changelog = toy.faults("ashd-lib", "1.0.1")
    assert metadata.startswith("packages/ashd-lib/pyproject.toml says 1.0.0, not 1.0.1")
    assert source.startswith("packages/ashd-lib/src/ashd/lib/_version.py says 1.0.0")
    assert "CHANGELOG.md begins with 1.0.0 (2026-01-02), not with 1.0.1 (DATE)" in changelog
    set_version(Repository(toy.root), "ashd-lib", "1.0.1")
    toy.put("packages/ashd-lib/CHANGELOG.md", CHANGELOG.format(version="1.0.1"))
    toy.commit()
    assert toy.faults("ashd-lib", "1.0.1") == []


def test_no_change_is_left_out_of_the_changelog(toy: Toy) -> None:
    text = CHANGELOG.format(version="1.0.0").replace("Unreleased\n", "Unreleased\n- More.\n")
    toy.put("packages/ashd-lib/CHANGELOG.md", text)
    toy.put("packages/ashd-lib/changes/README.md", "")
    toy.put("packages/ashd-lib/changes/more.added.md", "Still more.")
    toy.commit()
    lines, fragment = toy.faults("ashd-lib", "1.0.0")
    assert "has lines under Unreleased" in lines
    assert fragment.startswith("packages/ashd-lib/changes/more.added.md is not in the changelog")


def test_a_tag_on_another_commit_or_of_a_newer_version(toy: Toy) -> None:
    toy.commit("ashd-lib/v1.0.0", "ashd-lib/vnext")
    toy.commit()
    (elsewhere,) = toy.faults("ashd-lib", "1.0.0")
    assert elsewhere.startswith("the tag ashd-lib/v1.0.0 is on another commit")
    toy.git("tag", "-d", "ashd-lib/v1.0.0")
    toy.git("tag", "ashd-lib/v1.1.0")
    assert toy.faults("ashd-lib", "1.0.0") == ["1.1.0 is released already, and newer than 1.0.0"]


def test_a_changed_interface_asks_for_a_version_step(toy: Toy) -> None:
    toy.commit("ashd-lib/v1.0.0")
    for version, api, expected in (
        ("1.0.1", "ashd.f() -> int\n", ""),
        ("1.0.1", "ashd.f(x: int = 0) -> int\n", "so this is 1.1.0"),
        ("1.0.1", "ashd.f() -> int\nproperty ashd.g: int\n", "so this is 1.1.0"),
        ("1.1.0", "ashd.f() -> int\nproperty ashd.g: int\n", ""),
        ("1.1.0", "property ashd.g: int\n", "ashd.f: gone from the public interface since 1.0.0"),
        ("1.0.1", "option cmd sub --new N\nashd.f() -> int\n", "so this is 1.1.0"),
    ):
        toy.write("ashd-lib", version, api=api)
        toy.commit()
        found = toy.faults("ashd-lib", version)
        assert [expected in fault for fault in found] == [True] * bool(expected), (version, api)


def test_what_is_wrong_from_the_start_is_said_before_anything_is_written(toy: Toy) -> None:
    toy.commit("ashd-lib/v1.0.0")
    toy.write("ashd-lib", "1.0.0", api="ashd.g() -> int\n")
    found = early_faults(Repository(toy.root), "ashd-lib", "1.0.1")
    assert [fault.partition(":")[0] for fault in found] == [
        "packages/ashd-lib/changes/ has no fragment",
        "ashd.f",
    ]
    toy.put("packages/ashd-lib/changes/f.removed.md", "`f` is gone.")
    assert early_faults(Repository(toy.root), "ashd-lib", "1.0.1") == found[1:]


def test_bounds_of_siblings_let_the_version_in(toy: Toy) -> None:
    toy.write("ashd-lib", "2.0.0")
    toy.commit()
    (fault,) = toy.faults("ashd-lib", "2.0.0")
    assert fault == (
        'packages/ashd-program/pyproject.toml: "ashd-lib<2,>=1.0" leaves ashd-lib 2.0.0 out; '
        "make it <3, and release ashd-program as well"
    )


def test_what_a_distribution_needs_exists(toy: Toy) -> None:
    toy.write("ashd-program", "1.0.0", needs='"ashd-lib>=1.3,<2"')
    toy.commit()
    (fault,) = toy.faults("ashd-program", "1.0.0")
    assert "is met neither by a release of ashd-lib nor by the working tree" in fault
    toy.commit("ashd-lib/v1.3.0")
    assert toy.faults("ashd-program", "1.0.0") == []


def test_what_a_distribution_needs_is_released_first(toy: Toy) -> None:
    assert list(to_release_first(Repository(toy.root), "ashd-program")) == ["ashd-lib<2,>=1.0"]
    toy.commit("ashd-lib/v1.2.0")
    assert list(to_release_first(Repository(toy.root), "ashd-program")) == []


def test_siblings_without_a_release_come_from_the_working_tree(toy: Toy) -> None:
    (only,) = toy.trials("ashd-lib")
    assert only.startswith("oldest and newest siblings: ashd-lib 1.0.0 (the working tree), ")
    assert only.endswith(" ashd-program 1.0.0 (the working tree)")


def test_the_oldest_and_newest_released_siblings_that_fit(toy: Toy) -> None:
    for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0"):
        toy.write("ashd-lib", version)
        toy.commit(f"ashd-lib/v{version}")
    toy.write("ashd-program", "1.5.0", needs='"ashd-lib>=1.1,<2"')
    toy.commit()
    ours = "ashd-program 1.5.0 (the working tree)"
    assert toy.trials("ashd-program") == [
        f"oldest siblings: {ours}, ashd-lib 1.2.0 (ashd-lib/v1.2.0)",
        f"newest siblings: {ours}, ashd-lib 1.10.0 (ashd-lib/v1.10.0)",
    ]


def test_released_siblings_that_need_the_new_one_are_tried_too(toy: Toy) -> None:
    toy.commit("ashd-program/v1.0.0")
    toy.write("ashd-program", "1.1.0", needs='"ashd-lib>=1.1,<2"')
    toy.commit("ashd-program/v1.1.0")
    toy.write("ashd-lib", "1.0.1")
    toy.commit()
    (only,) = toy.trials("ashd-lib")
    assert "ashd-program 1.0.0 (ashd-program/v1.0.0)" in only  # 1.1.0 asks for more than 1.0.1


def test_a_tag_is_unpacked_as_it_was(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> None:
    toy.commit("ashd-lib/v1.0.0")
    toy.write("ashd-lib", "1.1.0")
    repository = Repository(toy.root)
    old = repository.sources("ashd-lib/v1.0.0", tmp_path_factory.mktemp("tags"))
    changelog = (old / "packages/ashd-lib/CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog == CHANGELOG.format(version="1.0.0")


def test_a_release_keeps_its_row_and_what_comes_next_has_another(toy: Toy) -> None:
    toy.write("ashd-lib", "1.0.0", needs='"h11>=0.16"')
    page = "# Page\n\n| release | Python |\n| --- | --- |\n| ashd-lib next | ? |\n\nText.\n"
    ours = Repository(toy.root).in_tree("ashd-lib")
    first = table_with(page, ours, released=False)
    assert first.replace("| ashd-lib 1.0.0 | 3.11 to 3.13 | h11 >=0.16 | none |", "#") == (
        page.replace("| ashd-lib next | ? |", "#")
    )
    assert table_with(first, ours, released=True) == first
    toy.write("ashd-lib", "1.0.0", needs='"h11>=0.17"')
    changed = Repository(toy.root).in_tree("ashd-lib")
    later = table_with(first, changed, released=True)
    assert list(written_rows(later)) == [("ashd-lib", NEXT), ("ashd-lib", "1.0.0")]
    toy.write("ashd-lib", "1.10.0", needs='"h11>=0.17"')
    released = Repository(toy.root).in_tree("ashd-lib")
    last = table_with(later, released, released=False)
    assert written_rows(last) == {
        ("ashd-lib", "1.10.0"): row(released),
        ("ashd-lib", "1.0.0"): row(ours),
    }


ROOT = Path(__file__).parents[2]


def test_the_table_says_what_the_metadata_says() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    repository = Repository(ROOT)
    missing = [name for name in repository.names if not is_written(text, repository.in_tree(name))]
    assert missing == [], "run: python3 dev.py test -s api"
