"""What the tree must look like so that four distributions can share one namespace."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
NAMES = [path.name for path in PACKAGES]
CLASSIFIER = "Programming Language :: Python :: "

each_package = pytest.mark.parametrize("package", PACKAGES, ids=NAMES)


def settings(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(project: dict[str, Any]) -> list[str]:
    optional = project.get("optional-dependencies", {}).values()
    return [*project["dependencies"], *(line for lines in optional for line in lines)]


def parts(package: Path) -> list[Path]:
    return sorted(path for path in (package / "src/ashd").iterdir() if path.name != "__pycache__")


def test_there_are_packages() -> None:
    assert "ashd-proto" in NAMES


@each_package
def test_the_namespace_belongs_to_nobody(package: Path) -> None:
    assert not (package / "src/__init__.py").exists()
    assert not (package / "src/ashd/__init__.py").exists()
    assert not (package / "src/ashd/py.typed").exists()


@each_package
def test_every_part_is_a_typed_package(package: Path) -> None:
    assert parts(package)
    for part in parts(package):
        assert (part / "__init__.py").is_file(), f"{part} is no package"
        assert (part / "py.typed").is_file(), f"{part} is not marked as typed"


@each_package
def test_files_that_users_look_for_are_real_files(package: Path) -> None:
    for name in ("README.md", "LICENSE", "CHANGELOG.md"):
        path = package / name
        assert path.is_file(), f"{path} is missing"
        assert not path.is_symlink(), f"{path} is a link, which would be broken in an sdist"
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@each_package
def test_the_wheel_takes_all_parts_and_nothing_else(package: Path) -> None:
    targets = settings(package)["tool"]["hatch"]["build"]["targets"]
    expected = [f"src/ashd/{part.name}" for part in parts(package)]
    assert sorted(targets["wheel"]["only-include"]) == expected
    assert targets["wheel"]["sources"] == ["src"]
    assert targets["wheel"]["shared-data"] == {"share": "share"}
    beside = ["CHANGELOG.md", "share", *(path.name for path in package.glob("mypyc.ini"))]
    assert sorted(targets["sdist"]["only-include"]) == sorted([*expected, *beside])


@each_package
def test_compiled_modules_are_there_and_nothing_is_compiled_unasked(package: Path) -> None:
    hooks = settings(package)["tool"]["hatch"]["build"]["targets"]["wheel"].get("hooks", {})
    assert set(hooks) <= {"mypyc"}
    for hook in hooks.values():
        assert hook["enable-by-default"] is False
        assert [name for name in hook["include"] if not (package / name).is_file()] == []


@each_package
def test_tool_settings_are_the_roots(package: Path) -> None:
    assert set(settings(package)) <= {"build-system", "project", "tool"}
    assert set(settings(package).get("tool", {})) <= {"hatch"}


@each_package
def test_siblings_are_declared_with_a_range_up_to_the_next_major_version(package: Path) -> None:
    declared = set()
    for text in requirements(settings(package)["project"]):
        name = re.split(r"[^A-Za-z0-9-]", text)[0]
        if name in NAMES:
            declared.add(name)
            found = re.search(r">=(\d+)\.\d+,<(\d+)$", text)
            assert found, f"{text!r} is not like {name}>=X.Y,<X+1"
            assert int(found[2]) == int(found[1]) + 1
    owners = {part.name: sibling.name for sibling in PACKAGES for part in parts(sibling)}
    imported = {
        owners[part]
        for path in package.glob("src/**/*.py")
        for part in re.findall(
            r"^\s*(?:from|import) ashd\.(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert imported - {package.name} <= declared


@each_package
def test_metadata_agrees(package: Path) -> None:
    project = settings(package)["project"]
    assert project["name"] == package.name
    assert project["requires-python"] == ">=3.11"
    changelog = (package / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## ([0-9.]+)", changelog, re.MULTILINE)
    assert newest is None or newest[1] == project["version"]  # none before the first release
    assert CLASSIFIER + "3.11" in project["classifiers"]
    publisher = settings(ROOT)["tool"]["workspace"]
    assert [author["email"] for author in project["authors"]] == [publisher["email"]]
    assert {each.startswith(publisher["url"]) for each in project["urls"].values()} == {True}


@each_package
def test_a_version_in_the_source_is_that_of_the_metadata(package: Path) -> None:
    for path in package.glob("src/**/*.py"):
        found = re.search(
            r'^_*VERSION\b.* = "(.*)"', path.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert found is None or path.name == "_version.py", f"{path}: prepare won't find it"
        assert found is None or found[1] == settings(package)["project"]["version"]


@each_package
def test_changelog_fragments_have_a_kind_and_a_text(package: Path) -> None:
    kinds = {each["directory"] for each in settings(ROOT)["tool"]["towncrier"]["type"]}
    for path in (package / "changes").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"[\w-]+\.({'|'.join(kinds)})\.md", path.name), path
            text = path.read_text(encoding="utf-8")
            assert re.match(r"[^-*#\s]", text), f"{path}: text alone, the release makes it an item"


def test_only_ashd_wsgi_and_its_children_depend_on_something() -> None:
    alone = [path.name for path in PACKAGES if not settings(path)["project"]["dependencies"]]
    assert {"ashd-proto", "ashd-pdm"} & set(NAMES) == set(alone)
