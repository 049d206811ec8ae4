"""Install a trial's distributions together, each as built, and run the tests of each."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ._build import build, run
from ._siblings import Trial
from ._tree import Distribution, Repository

EPOCH = "1700000000"  # of what is built to be tried only


def attempt(repository: Repository, trial: Trial, built: Path, scratch: Path) -> None:
    """Test what was built beside its siblings. Raises ReleaseError for what fails.

    Each distribution's tests are those of the tree that it comes from: they ask for no more than
    was there.
    """
    wheels = [built]
    for other in trial.members[1:]:
        wheels.append(scratch / f"{other.name}-{other.version}")
        if not wheels[-1].exists():
            source = repository.sources(other.origin, scratch)
            build(source, other.name, wheels[-1], "--wheel", epoch=EPOCH)
    python = _environment(repository, trial, wheels, scratch)
    for member in trial.members:
        source = repository.sources(member.origin, scratch)
        folders = [f"tests/{part}" for part in member.parts if (source / "tests" / part).is_dir()]
        # The path of a Unix socket has room for 107 bytes.
        env = {"TMPDIR": tempfile.gettempdir()}
        options = ("-q", "-p", "no:cacheprovider", "--numprocesses=2", "--dist=worksteal")
        run(python, "-m", "pytest", *options, *folders, cwd=source, env=env)


def _environment(repository: Repository, trial: Trial, wheels: list[Path], scratch: Path) -> Path:
    folder = scratch / f"env-{trial.which.split()[0]}"
    run(sys.executable, "-m", "venv", folder, cwd=repository.root)
    python = folder / "bin" / "python"
    wanted = [str(next(wheels[0].glob("*.whl")))]
    wanted += [_pinned(each) for each in trial.members]
    for origin in {each.origin for each in trial.members}:
        settings = repository.sources(origin, scratch) / "pyproject.toml"
        wanted += group(tomllib.loads(settings.read_text(encoding="utf-8")), "test")
    places = [f"--find-links={folder}" for folder in wheels]
    words = [*places, *dict.fromkeys(wanted)]
    run(python, "-m", "pip", "install", "--quiet", *words, cwd=repository.root)
    return python


def _pinned(distribution: Distribution) -> str:
    """Return what pip is asked for: this version, with all extras."""
    extras = ",".join(distribution.extras)
    return f"{distribution.name}[{extras}]=={distribution.version}"


def group(settings: dict[str, dict[str, list[str | dict[str, str]]]], name: str) -> Iterator[str]:
    """Yield what a dependency group consists of."""
    for each in settings["dependency-groups"][name]:
        if isinstance(each, str):
            yield each
        else:
            yield from group(settings, each["include-group"])
