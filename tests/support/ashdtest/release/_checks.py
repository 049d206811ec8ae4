"""What has to agree before a distribution is released."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from ._tree import Distribution, Repository

Check = Callable[[Repository, str, str], Iterator[str]]
"""Takes a distribution and a version, and yields what is wrong with it."""

VERSION_IN_SOURCE = re.compile(r'^VERSION(?:: str)? = "(.*)"$', re.MULTILINE)
"""Where a program must know its version without the time that importlib.metadata takes."""

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
UNRELEASED = "Unreleased"
_NAME = re.compile(r"(command \S+|option .*? -\S+|ashd\.[\w.]+)")
"""What a line of a public interface is about."""


def faults(repository: Repository, name: str, version: str) -> list[str]:
    """Return what keeps a version of a distribution from being released, and what to do."""
    checks = (_tree_is_clean, _version_agrees, _changelog_agrees, *_OF_WHAT_IS_THERE)
    return _found(repository, name, version, checks)


def early_faults(repository: Repository, name: str, version: str) -> list[str]:
    """Return what is wrong with a version before anything is written for it."""
    return _found(repository, name, version, (_something_has_changed, *_OF_WHAT_IS_THERE))


def _found(repository: Repository, name: str, version: str, checks: Sequence[Check]) -> list[str]:
    if name not in repository.names:
        return [f"{name!r} is not one of {', '.join(repository.names)}"]
    try:
        if str(Version(version)) != version:
            return [f"the version {version!r} is normally written {str(Version(version))!r}"]
    except InvalidVersion:
        return [f"{version!r} is not a version, like 1.2.0"]
    return [fault for check in checks for fault in check(repository, name, version)]


def _tree_is_clean(repository: Repository, name: str, version: str) -> Iterator[str]:
    if changed := repository.git("status", "--porcelain"):
        yield f"the working tree has changes; commit or remove them:\n{changed}"


def _version_agrees(repository: Repository, name: str, version: str) -> Iterator[str]:
    hint = f"(python3 dev.py test -s prepare -- {name} {version})"
    package = repository.root / "packages" / name
    says = {package / "pyproject.toml": str(repository.in_tree(name).version)}
    for path in package.glob("src/**/_version.py"):
        if found := VERSION_IN_SOURCE.search(path.read_text(encoding="utf-8")):
            says[path] = found[1]
    for path, said in says.items():
        if said != version:
            yield f"{path.relative_to(repository.root)} says {said}, not {version} {hint}"


def _changelog_agrees(repository: Repository, name: str, version: str) -> Iterator[str]:
    package = repository.root / "packages" / name
    text = (package / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = [found for found in HEADING.finditer(text) if found[1] != UNRELEASED]
    file = f"packages/{name}/CHANGELOG.md"
    first = headings[0][1] if headings else "nothing"
    if not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", first):
        yield f"{file} begins with {first}, not with {version} (DATE): run the session prepare"
    elif text[: headings[0].start()].partition(f"## {UNRELEASED}")[2].strip():
        yield f"{file} has lines under {UNRELEASED}: they belong to {version}"
    for path in fragments(repository, name):
        yield f"{path} is not in the changelog yet: run the session prepare"


def _something_has_changed(repository: Repository, name: str, version: str) -> Iterator[str]:
    if not fragments(repository, name):
        yield f"packages/{name}/changes/ has no fragment: say there what is new for users"


def fragments(repository: Repository, name: str) -> list[str]:
    """Return the paths of the changelog fragments of a distribution."""
    folder = repository.root / "packages" / name / "changes"
    found = (path for path in folder.glob("*") if path.name != "README.md")
    return sorted(str(path.relative_to(repository.root)) for path in found)


def _tag_agrees(repository: Repository, name: str, version: str) -> Iterator[str]:
    tags = repository.tags(name)
    wanted = Version(version)
    if wanted in tags:
        commit = repository.git("rev-list", "-n1", tags[wanted])
        if commit != repository.git("rev-parse", "HEAD"):
            yield f"the tag {tags[wanted]} is on another commit, {commit[:12]}: check that one out"
    elif tags and max(tags) > wanted:
        yield f"{max(tags)} is released already, and newer than {version}"


def _step_is_enough(repository: Repository, name: str, version: str) -> Iterator[str]:
    earlier = [each for each in repository.tags(name) if each < Version(version)]
    if not earlier:
        return
    last = earlier[-1]
    path = f"tests/workspace/api/{name}.txt"
    before = repository.file_at(repository.tags(name)[last], path)
    now = (repository.root / path).read_text(encoding="utf-8").splitlines()
    gone = sorted(_public(before) - _public(now))
    new = Version(version)
    if gone and new.major == last.major:
        yield (
            f"{', '.join(gone)}: gone from the public interface since {last}, so this is "
            f"{last.major + 1}.0.0"
        )
    elif before != now and new.release[:2] == last.release[:2]:
        yield (
            f"the public interface is not that of {last} ({path}), so this is "
            f"{last.major}.{last.minor + 1}.0"
        )


def _public(lines: list[str]) -> set[str]:
    """Return the names that the lines of an interface are about."""
    return {found[1] for line in lines if (found := _NAME.search(line))}


def _siblings_agree(repository: Repository, name: str, version: str) -> Iterator[str]:
    ours = repository.in_tree(name)
    for sibling in repository.names:
        other = repository.in_tree(sibling)
        for bound in other.bounds_of(name):
            if not bound.specifier.contains(version, prereleases=True):
                yield (
                    f'packages/{sibling}/pyproject.toml: "{bound}" leaves {name} {version} out; '
                    f"make it <{Version(version).major + 1}, and release {sibling} as well"
                )
        for bound in ours.bounds_of(sibling):
            yield from _bound_can_be_met(repository, ours, other, bound)


def _bound_can_be_met(
    repository: Repository, ours: Distribution, other: Distribution, bound: Requirement
) -> Iterator[str]:
    there = {*repository.tags(other.name), other.version}
    if not any(bound.specifier.contains(each, prereleases=True) for each in there):
        yield (
            f'packages/{ours.name}/pyproject.toml: "{bound}" is met neither by a release of '
            f"{other.name} nor by the working tree, which is {other.version}"
        )


_OF_WHAT_IS_THERE: tuple[Check, ...] = (_tag_agrees, _step_is_enough, _siblings_agree)


def to_release_first(repository: Repository, name: str) -> Iterator[str]:
    """Yield the siblings that a distribution needs and that no release of theirs satisfies."""
    ours = repository.in_tree(name)
    for sibling in repository.names:
        for bound in ours.bounds_of(sibling):
            released = repository.tags(sibling)
            if not any(bound.specifier.contains(each, prereleases=True) for each in released):
                yield f"{bound}"
