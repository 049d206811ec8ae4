"""What is done once, before the first request: find and read the configuration, start the log."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ashd.log import SYSLOG_SOCKET, TEXT, configure_logging, make_stderr_lossy

from ._config import Configs
from ._errors import UsageError
from ._parse import parse

GLOBAL_NAME = "dirplex.rc"

logger = logging.getLogger("ashd.dirplex")


def read_configs(extra: str | None, *, use_global: bool, strict: bool = False) -> Configs:
    """Read the files that hold everywhere: `extra` (the `-c` option), then the global one.

    What was left out of them is logged, or an error with `strict`. Programs that are missing are
    logged, as they may come later. Raises `ConfigError` and `UsageError`.
    """
    files = []
    if extra is not None:
        files.append(_locate(extra))
    if use_global and (found := search(GLOBAL_NAME)):
        files.append(found)
    configs = tuple(parse(str(file.absolute())) for file in files)
    for complaint in (complaint for config in configs for complaint in config.complaints):
        if strict:
            raise complaint
        logger.warning("%s", complaint)
    for handler in (each for config in configs for each in config.handlers.values()):
        if not _is_on_path(handler.argv[0]):
            logger.warning("%s: %s is not on PATH", handler.origin, handler.argv[0])
    return configs


def _is_on_path(program: str) -> bool:
    """Tell whether a program would be found; one with a slash in its name may be anywhere."""
    places = [Path(folder, program) for folder in os.get_exec_path()]
    return "/" in program or any(os.access(place, os.X_OK) for place in places)


def _locate(name: str) -> Path:
    found = Path(name) if "/" in name else search(name)
    if found is None:
        raise UsageError(
            f"there is no configuration {name} in ~/.ashd/etc or in ../etc/ashd of PATH; "
            f"a name with a slash, like ./{name}, is opened as it is"
        )
    return found


def search(name: str) -> Path | None:
    """Find a configuration file in `$HOME/.ashd/etc`, then `../etc/ashd` from each PATH entry."""
    home = os.environ.get("HOME")
    directories = [Path(home, ".ashd", "etc")] if home else []
    entries = filter(None, os.environ.get("PATH", "").split(os.pathsep))
    directories += [Path(entry, "..", "etc", "ashd") for entry in entries]
    return next((d / name for d in directories if (d / name).is_file()), None)


def start_logging(syslog: str = SYSLOG_SOCKET, style: str = TEXT) -> None:
    """Log to stderr, or to syslog when `ASHD_USESYSLOG` is set, as all programs of ashd do.

    Without a syslog daemon at the socket `syslog`, standard error is better than nothing. `style`
    is `text` or `json`.
    """
    make_stderr_lossy()
    configure_logging("ashd-dirplex", style, syslog_socket=syslog)
