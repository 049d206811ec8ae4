"""The sessions `prepare`, `release` and `api`: see the package."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ._attempt import attempt
from ._build import ReleaseError, build_release
from ._checks import early_faults, faults, to_release_first
from ._prepare import prepare, renew_table
from ._siblings import trials
from ._tree import Repository

ROOT = Path(__file__).parents[4]


def main(words: list[str]) -> int:
    """Do what the first word says; return an exit status."""
    match words:
        case ["prepare", name, version]:
            return _prepare(Repository(ROOT), name, version)
        case ["check", name, version]:
            return _check(Repository(ROOT), name, version)
        case ["table"]:
            return _table(Repository(ROOT))
    print("give both: DIST VERSION, like ashd-proto 1.1.0")
    return 2


def _prepare(repository: Repository, name: str, version: str) -> int:
    if found := early_faults(repository, name, version):
        print(f"{name} {version} can't be prepared:", *found, sep="\n- ")
        return 1
    prepare(repository, name, version)
    print(f'\nLook at the changes, then: git commit -am "Release {name} {version}"')
    print(f"and: python3 dev.py test -s release -- {name} {version}")
    return 0


def _table(repository: Repository) -> int:
    for name in repository.names:
        released = repository.in_tree(name).version in repository.tags(name)
        renew_table(repository, name, released=released)
    return 0


def _check(repository: Repository, name: str, version: str) -> int:
    if found := faults(repository, name, version):
        print(f"{name} {version} can't be released:", *found, sep="\n- ")
        return 1
    try:
        plan = trials(repository, name)
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            built = build_release(repository, name, version, Path(folder))
            for trial in plan:
                print(f"\nWith the {trial}", flush=True)
                attempt(repository, trial, built, Path(folder))
    except (ReleaseError, ValueError) as error:
        print(f"\n{name} {version} can't be released: {error}")
        return 1
    print(f"\n{name} {version} can be released. It was tested:", *plan, sep="\n- with the ")
    print(*_what_remains(repository, name, version, built), sep="\n")
    return 0


def _what_remains(repository: Repository, name: str, version: str, built: Path) -> list[str]:
    tag = f"{name}/v{version}"
    lines = ["\nNothing was uploaded. What remains:"]
    if first := sorted(set(to_release_first(repository, name))):
        lines.append(f"  # First release what it asks for and is not released: {', '.join(first)}")
    if tag not in repository.tags(name).values():
        lines.append(f'  git tag -s {tag} -m "{name} {version}"')
    lines.append(
        f"  git push origin {tag}    # .github/workflows/release.yml builds and publishes it"
    )
    lines.append("or, by hand and without compiled wheels and attestations:")
    lines.append(f"  twine upload {built.relative_to(repository.root)}/*")
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
