"""The workspace's checks: `python3 dev.py test` runs those that `test -l` marks with a star.

Packages are found, not listed: whatever stands in packages/ is built, installed and tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nox
from nox.logger import logger
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # nox would make them errors where CI is set

ROOT = Path(__file__).parent
CHECKS = Path("tests", "workspace")
UNIT = ["tests", "--ignore=tests/integration"]
"""Tests of the parts; the others run whole programs with real clients and applications."""
SHORT_PATHS = {"TMPDIR": tempfile.gettempdir()}
"""nox has temporary files below the clone; the path of a Unix socket has room for 107 bytes."""
AT_A_TIME = [f"--numprocesses={min(2 * (os.cpu_count() or 1), 16)}", "--dist=worksteal"]
"""Two tests for each processor: half of a test's time is waiting."""
QUICK = ["tests/proto", "tests/util", "tests/wsgi", "tests/wsgidir", "tests/dirplex"]
QUICK += ["tests/log", "tests/accesslog", "tests/htparser", "tests/wsgiutil", "tests/workspace"]
"""Tests of the parts that take less than a minute together."""
PARALLEL = ["tests/serve", "tests/proto", "tests/util", "tests/wsgi", "tests/perf"]
"""Tests of what several threads run at the same time; those of the models are among them."""
SUPPORTED = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def _runs(version: str) -> bool:
    # Finding a file is not enough: pyenv has one on the path for versions that are switched off.
    try:
        return not subprocess.run(
            [f"python{version}", "-c", ""], capture_output=True, check=False
        ).returncode
    except FileNotFoundError:
        return False


FREE_THREADED = [version for version in ("3.13t", "3.14t", "3.15t") if _runs(version)]
"""Builds of CPython without the interpreter lock."""
if not FREE_THREADED:
    logger.warning(
        "Not here, and so not tested: a Python without interpreter lock (3.13t to 3.15t)"
    )
PYTHONS = [version for version in SUPPORTED if _runs(version)]
if missing := sorted(set(SUPPORTED) - set(PYTHONS)):
    logger.warning("Not here, and so not tested: Python %s", ", ".join(missing))
LOWEST = PYTHONS[0] if PYTHONS else SUPPORTED[0]

# By default the newest Python runs everything; the lowest one runs the tests of the parts, with the
# oldest dependencies. What differs between versions shows there; the others run the quick tests.
BETWEEN = PYTHONS[1:-1]
nox.options.sessions = ["lint", "types", "wheels", "workflows", "proto_alone"]
nox.options.sessions += ["lowest", "fuzz"]
nox.options.sessions += [f"between-{version}" for version in BETWEEN]
nox.options.sessions += [f"free_threaded-{version}" for version in FREE_THREADED[-1:]]
nox.options.sessions += [f"unit-{version}" for version in PYTHONS[-1:]]
nox.options.sessions += [f"integration-{version}" for version in PYTHONS[-1:]]


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


PACKAGES = {
    path.parent.name: _toml(path)["project"]
    for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}

BUILD_REQUIRES = sorted(
    {
        requirement
        for name in PACKAGES
        for requirement in _toml(ROOT / "packages" / name / "pyproject.toml")["build-system"][
            "requires"
        ]
    }
)


def _mypyc(name: str) -> dict[str, Any]:
    """Return how a package is compiled when it is; empty if it never is."""
    settings = _toml(ROOT / "packages" / name / "pyproject.toml")
    hooks = settings["tool"]["hatch"]["build"]["targets"]["wheel"].get("hooks", {})
    return dict(hooks.get("mypyc", {}))


COMPILED = {name: hook for name in PACKAGES if (hook := _mypyc(name))}
"""Packages that can be compiled, each after those that it depends on."""


def _with_extras(name: str, target: str) -> str:
    extras = ",".join(PACKAGES[name].get("optional-dependencies", {}))
    return f"{target}[{extras}]" if extras else target


def _editable(targets: Iterable[str]) -> list[str]:
    return [word for target in targets for word in ("-e", target)]


def _groups(*names: str) -> tuple[str, ...]:
    return nox.project.dependency_groups(_toml(ROOT / "pyproject.toml"), *names)


def _install_editable(session: nox.Session, *groups: str) -> None:
    """Install ours and what they need. Builds share the environment: it is quicker."""
    editable = _editable(_with_extras(name, f"packages/{name}") for name in PACKAGES)
    session.install("editables", *BUILD_REQUIRES, *_groups(*groups))
    session.install("--no-build-isolation", *editable)


def _pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests; what fails once has failed."""
    session.run("pytest", *AT_A_TIME, *arguments, env=SHORT_PATHS)


def _forget(session: nox.Session) -> None:
    """Make pip install ours anew in an environment that is used again."""
    session.run("python", "-m", "pip", "uninstall", "-qy", *PACKAGES, silent=True)


@nox.session(python=PYTHONS[-1:] or LOWEST, default=False)
def quick(session: nox.Session) -> None:
    """Answer within a minute: style, and the tests of the parts that are quick."""
    _install_editable(session, "lint", "test")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    _pytest(session, *QUICK, *session.posargs)


@nox.session(python=LOWEST, tags=["one-processor"])
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*_groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=LOWEST, tags=["one-processor"])
def types(session: nox.Session) -> None:
    """Check types, on the lowest Python, and that what is public is what was recorded."""
    _install_editable(session, "types", "integration")
    folders = ["packages", "tests", "benchmarks", "examples"]
    with_code = [name for name in folders if any(ROOT.glob(f"{name}/**/*.py"))]
    session.run("mypy", *with_code, "noxfile.py", "dev.py")
    session.run("python", "-m", "ashdtest.publicapi", env=ashdtest.publishing.SUPPORT)


@nox.session(python=LOWEST, tags=["one-processor"])
def wheels(session: nox.Session) -> None:
    """Build what would be published; look inside; install it, also mixed with editable siblings."""
    session.install(*_groups("wheels"))
    dist, again = (Path(session.create_tmp(), name) for name in ("dist", "again"))
    for folder in (dist, again):
        shutil.rmtree(folder, ignore_errors=True)
        _build(session, folder)
    files = sorted(map(str, dist.iterdir()))
    session.run("python", str(CHECKS / "distributions.py"), str(dist), str(again), *session.posargs)
    session.run("twine", "check", "--strict", *files, silent=True)
    session.run("check-wheel-contents", *(name for name in files if name.endswith(".whl")))
    for name in files:
        if name.endswith(".tar.gz"):
            session.run("pyroma", "--min=10", name, silent=True)
    _forget(session)
    built = {name: str(_wheel(dist, name)) for name in PACKAGES}
    session.install(*(_with_extras(name, wheel) for name, wheel in built.items()))
    session.run("python", str(CHECKS / "imports.py"))
    session.run("python", str(CHECKS / "licenses.py"))
    swap = ("--force-reinstall", "--no-deps")
    for name, wheel in built.items():
        session.install(*swap, "-e", f"packages/{name}")
        session.run("python", str(CHECKS / "imports.py"))
        session.install(*swap, wheel)


def _build(session: nox.Session, folder: Path) -> None:
    """Build what would be published: source distributions, and wheels from these."""
    once = {"SOURCE_DATE_EPOCH": "1700000000"}  # the same bytes whenever they are built
    for name in PACKAGES:
        build = ("python", "-m", "build", "-n", f"packages/{name}", "-o", str(folder))
        session.run(*build, env=once, silent=True)


def _wheel(folder: Path, name: str) -> Path:
    (wheel,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return wheel


@nox.session(python=LOWEST, reuse_venv=False, tags=["one-processor"])
def proto_alone(session: nox.Session) -> None:
    """Install ashd-proto with nothing beside it: it must bring nothing along, import, and work."""
    session.install("./packages/ashd-proto")
    parts = ["proto", "util", "log", "accesslog"]
    session.run("python", str(CHECKS / "alone.py"), "ashd-proto", *(f"ashd.{p}" for p in parts))
    session.install(*_groups("test"))
    _pytest(session, *(f"tests/{part}" for part in parts), *session.posargs)


@nox.session(python=LOWEST)
def lowest(session: nox.Session) -> None:
    """Test with the oldest of everything that the packages say they work with."""
    folder = Path(session.create_tmp())
    session.install("build", *BUILD_REQUIRES)
    _build(session, folder)
    constraints = folder / "lowest.txt"
    constraints.write_text("\n".join(_lowest_versions()), encoding="utf-8")
    wanted = (_with_extras(name, name) for name in PACKAGES)
    _forget(session)
    session.install("--find-links", str(folder), "-c", str(constraints), *wanted, *_groups("test"))
    _pytest(session, *UNIT, *session.posargs)


def _lowest_versions() -> list[str]:
    """Pin every dependency to its lower bound, and those of ours that nobody depends on to now."""
    pins = {name: project["version"] for name, project in PACKAGES.items()}
    for project in PACKAGES.values():
        optional = project.get("optional-dependencies", {}).values()
        for text in [
            *project.get("dependencies", []),
            *(line for lines in optional for line in lines),
        ]:
            requirement = Requirement(text)
            bounds = [spec.version for spec in requirement.specifier if spec.operator == ">="]
            if not bounds:
                raise ValueError(f"{project['name']}: {text!r} has no lower bound")
            pins[canonicalize_name(requirement.name)] = bounds[0]
    return [f"{name}=={version}" for name, version in pins.items()]


@nox.session(python=BETWEEN or LOWEST, default=False)
def between(session: nox.Session) -> None:
    """Run the quick tests of the parts on a Python that is neither the lowest nor the newest."""
    _install_editable(session, "test")
    _pytest(session, *QUICK, *session.posargs)


@nox.session(python=PYTHONS)
def unit(session: nox.Session) -> None:
    """Test the parts, with nothing but what they need."""
    _install_editable(session, "test")
    _pytest(session, *UNIT, *session.posargs)


@nox.session(python=FREE_THREADED or False)
def free_threaded(session: nox.Session) -> None:
    """Test what runs in several threads on a Python without the interpreter lock."""
    if not FREE_THREADED:
        session.skip("no python3.13t, python3.14t or python3.15t is on PATH")
    # Without extras, and with a Hypothesis of pure Python: extension modules need a compiler there,
    # and may turn the lock on. The bound stands first, or pip tries the newest.
    session.install("hypothesis<6.140", "editables", *BUILD_REQUIRES, *_groups("pytest"))
    editable = _editable(f"packages/{name}" for name in PACKAGES)
    session.install("--no-build-isolation", "--no-deps", *editable)
    _pytest(session, *PARALLEL, *session.posargs)


@nox.session(python=PYTHONS)
def integration(session: nox.Session) -> None:
    """Test whole programs with real clients and real applications."""
    _install_editable(session, "integration")
    _pytest(session, "tests/integration", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def compiled(session: nox.Session) -> None:
    """Compile what a release compiles, for one Python; run all tests against these wheels."""
    if shutil.which("cc") is None:
        session.skip("no C compiler (cc) is here")
    release = _toml(ROOT / "cibuildwheel.toml")["tool"]["cibuildwheel"]
    requires = {line for hook in COMPILED.values() for line in hook["dependencies"]}
    session.install("build", *BUILD_REQUIRES, *sorted(requires))
    _forget(session)
    dist = Path(session.create_tmp(), "dist")
    shutil.rmtree(dist, ignore_errors=True)
    for name in COMPILED:
        build = ("python", "-m", "build", "-n", f"packages/{name}", "-o", str(dist))
        session.run(*build, env=release["environment"], silent=True)
        session.install("--no-deps", str(_wheel(dist, name)))
    session.run("python", str(CHECKS / "distributions.py"), str(dist))
    for name in COMPILED:
        check = release["test-command"].format(project=ROOT, package=ROOT / "packages" / name)
        session.run(*check.split())
    pure = [name for name in PACKAGES if name not in COMPILED]
    wheels = [_with_extras(name, str(_wheel(dist, name))) for name in COMPILED]
    editable = [word for name in pure for word in ("-e", _with_extras(name, f"packages/{name}"))]
    session.install("editables", *wheels, *editable, *_groups("integration"))
    _pytest(session, *(session.posargs or ["tests"]))


@nox.session(python=PYTHONS[-1:] or LOWEST, default=False)
def coverage(session: nox.Session) -> None:
    """Measure branch coverage of everything, of child processes too; name what is not covered."""
    _install_editable(session, "coverage")
    session.env["PYTHONPATH"] = str(ROOT / "tests" / "support")  # where its plugin is
    data = ROOT / ".nox" / "coverage"
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o1777)  # some tests become another user
    session.run("coverage", "erase")
    command = ("coverage", "run", "-m", "pytest", *AT_A_TIME)
    traceable = ("-m", "not untraceable")
    try:
        session.run(*command, *traceable, *(session.posargs or ["tests"]), env=SHORT_PATHS)
    finally:  # a test that fails takes nothing from what the others have shown
        session.run("coverage", "combine", "--quiet")
        session.run("coverage", "report")


@nox.session(python=LOWEST)
def bench(session: nox.Session) -> None:
    """Measure, beside other servers, and write performance.md; `-- --help` shows more."""
    _install_editable(session)
    for peer in _groups("peers"):  # what can't be installed is left out, and the tables say so
        session.install(peer, success_codes=[0, 1])
    session.run("python", "benchmarks", *session.posargs)


@nox.session(python=LOWEST)
def fuzz(session: nox.Session) -> None:
    """Look for bytes that break the front end; `-- --seconds N` says how long, or a variable."""
    session.install("editables", *BUILD_REQUIRES)
    session.install("--no-build-isolation", "-e", "packages/ashd-proto")
    for tool in _groups("fuzz"):  # atheris has no wheels for some systems and Pythons
        session.install(tool, success_codes=[0, 1], silent=True)
    asked = "import importlib.util as u; print(u.find_spec('atheris') is not None)"
    if "True" not in str(session.run("python", "-c", asked, silent=True)):
        session.skip("atheris, the fuzzer, can't be installed here")
    session.run("python", "tests/fuzz", *session.posargs if "--seconds" in session.posargs else ())


@nox.session(python=LOWEST, default=False)
def applications(session: nox.Session) -> None:
    """Run applications of others beside waitress; `-- --help` shows more."""
    _install_editable(session, "applications")
    session.run("python", "tests/compatibility", *session.posargs, env=SHORT_PATHS)


@nox.session(python=LOWEST, default=False)
def docs(session: nox.Session) -> None:
    """Make a site of the documents, and do its first steps; `-- links` follows links to the web."""
    session.install(*BUILD_REQUIRES, *_groups("docs"))
    session.run("python", str(CHECKS / "prose.py"))
    site, cache = ROOT / ".nox" / "site", ROOT / ".nox" / "doctrees"
    sphinx = ("sphinx-build", "-q", "-W", "--keep-going", "-d", str(cache), "docs")
    session.run(*sphinx, "-b", "html", str(site))
    if "links" in session.posargs:
        session.run(*sphinx, "-b", "linkcheck", str(Path(session.create_tmp(), "links")))
    wheels = Path(session.create_tmp(), "wheels")
    shutil.rmtree(wheels, ignore_errors=True)
    build = ("pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels))
    session.run("python", "-m", *build, *(f"./packages/{name}" for name in PACKAGES))
    session.run("python", str(CHECKS / "first_steps.py"), str(wheels))
    session.log(f"the site: {site / 'index.html'}")


@nox.session(python=LOWEST, default=False)
def containers(session: nox.Session) -> None:
    """Check the Containerfile and the manifests for Kubernetes among the examples."""
    _install_editable(session, "containers")
    session.run("hadolint", "examples/container/Containerfile")
    session.run("kubernetes-validate", "--strict", "examples/kubernetes/notes.yaml")
    session.run("python", str(CHECKS / "containers.py"))


@nox.session(python=LOWEST, default=False)
def man(session: nox.Session) -> None:
    """Write manual pages and completions anew, from the commands' tables of options."""
    _install_editable(session)
    session.run("python", "-m", "ashdtest.manual", env={"PYTHONPATH": "tests/support"})


@nox.session(python=LOWEST, default=False)
def stress(session: nox.Session) -> None:
    """Send each handler model 100,000 mixed requests."""
    _install_editable(session, "test")
    session.run("pytest", "tests/serve/test_stress.py", env={"ASHD_STRESS_REQUESTS": "100000"})


@nox.session(python=PYTHONS[-1:] or LOWEST, default=False)
def tls(session: nox.Session) -> None:
    """Let testssl look at the front end's TLS, for some minutes."""
    _install_editable(session, "test")
    session.run("pytest", "tests/integration/test_tls_scan.py", env={"ASHD_TLS_SCAN": "1"})


sys.path.insert(0, str(ROOT / "tests" / "support"))
import ashdtest.publishing  # noqa: E402 - its sessions: releases and the supply chain
