#!/usr/bin/env python3
"""Two commands that do everything from a fresh clone, each in a virtual environment of its own.

python3 dev.py demo [--port PORT]   serve the demo site on http://localhost:8080/
python3 dev.py test [NOX-ARGS ...]  run all checks and tests (`test -l` lists them; see nox --help)
"""

# Kept readable for older versions of Python 3, so that they can say that they are too old.
import argparse
import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

LOWEST = (3, 11)
PORT = 8080
ROOT = Path(__file__).resolve().parent
DEMO = ROOT / "examples" / "demo"
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
SESSIONS = ROOT / "tests" / "workspace" / "sessions.py"

# What pip says where it can't connect.
OFFLINE = ["NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError"]


class PrepareError(Exception):
    """An environment can't be made."""


def main() -> int:
    """Run the command that was asked for; return an exit status."""
    if sys.version_info < LOWEST:
        found, needed = (".".join(map(str, v)) for v in (sys.version_info[:2], LOWEST))
        return complain(f"this needs Python {needed} or newer, and {sys.executable} is {found}")
    commands = {"demo": demo, "test": test}
    if sys.argv[1:2] == [] or sys.argv[1] not in commands:
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    try:
        return commands[sys.argv[1]](sys.argv[2:])
    except PrepareError as error:
        return complain(str(error))
    except KeyboardInterrupt:
        return 130


def complain(text: str) -> int:
    """Say what is wrong; return the exit status for that."""
    print(f"dev.py: {text}", file=sys.stderr)
    return 1


def demo(arguments: List[str]) -> int:
    """Serve the demo site until Ctrl-C; the front end takes this process' place."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Serve the demo site.")
    parser.add_argument("--port", type=int, default=PORT, help=f"TCP port (default: {PORT})")
    port = parser.parse_args(arguments).port
    try:
        socket.create_server(("", port)).close()
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else error
        return complain(f"port {port} can't be used ({reason}); name another one with --port")
    # An old pip has to meet a package with extras before those that need it.
    packages = sorted(PACKAGES, key=lambda package: package.name != "ashd-proto")
    wanted = [word for package in packages for word in ("-e", with_extras(package))]
    environment = prepare("demo", wanted)
    print(f"The demo is on http://localhost:{port}/ (Ctrl-C ends it)", flush=True)
    handler = ["ashd-wsgi", "-p", str(DEMO), "-A", "demo"]
    command = ["ashd-htparser", f"plain:port={port}", "--", *handler]
    return os.execvpe(command[0], command, environment)


def test(arguments: List[str]) -> int:
    """Run nox's sessions, each in an environment of its own."""
    environment = prepare("test", toml(ROOT / "pyproject.toml")["dependency-groups"]["nox"])
    command = ["python", str(SESSIONS), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def prepare(name: str, wanted: List[str]) -> Dict[str, str]:
    """Make the virtual environment .venv/NAME unless it is there; return variables to use it."""
    folder = ROOT / ".venv" / name
    stamp = folder / "prepared"
    state = fingerprint(wanted)
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != state:
        print(f"Preparing {folder.relative_to(ROOT)} (only this once) ...", flush=True)
        python = folder / "bin" / "python"
        run([sys.executable, "-m", "venv", "--clear", str(folder)], folder)
        run([str(python), "-m", "pip", "install", "--quiet", *wanted], folder)
        stamp.write_text(state, encoding="ascii")
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "VIRTUAL_ENV": str(folder), "PATH": path}


def run(command: List[str], folder: Path) -> None:
    """Run a command that makes `folder`; if it fails, show the end of what it said."""
    log = folder.with_name(folder.name + ".log")
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        failed = subprocess.run(command, stdout=output, stderr=output, check=False).returncode
    if not failed:
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    if any(sign in text for sign in OFFLINE):
        reason = "pip can't reach its index of packages; is there a network?"
    elif "ensurepip" in text:
        reason = "Python's venv module is not complete (Debian and Ubuntu: install python3-venv)"
    else:
        reason = "\n".join([f"this failed: {' '.join(command)}", *text.splitlines()[-5:]])
    raise PrepareError(f"{reason} (the whole output: {log.relative_to(ROOT)})")


def fingerprint(wanted: List[str]) -> str:
    """Tell environments apart: by place, Python, what is wanted, and how the packages are made."""
    facts = [str(ROOT), sys.version, sys.base_prefix, *wanted]
    facts += [(package / "pyproject.toml").read_text(encoding="utf-8") for package in PACKAGES]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def with_extras(package: Path) -> str:
    """Return what pip is told to install a package with everything that it offers."""
    extras = toml(package / "pyproject.toml")["project"].get("optional-dependencies", {})
    return f"{package}[{','.join(extras)}]" if extras else str(package)


def toml(path: Path) -> Dict[str, Any]:
    """Read a TOML file."""
    import tomllib

    return tomllib.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
