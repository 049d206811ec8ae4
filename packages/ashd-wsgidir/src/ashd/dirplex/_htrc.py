"""The `.htrc` files of directories: read when first needed, and again when they change."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ._config import Config, Handler
from ._errors import ConfigError
from ._parse import parse

NAME = ".htrc"

CLOCK_TICK_NS = 2_000_000_000
"""Two saves within one tick of a file system's clock (up to 2 s, on FAT) look the same. So a file
that is younger than this is read again each time."""

logger = logging.getLogger("ashd.dirplex")

_Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, and the state of the files just before. A bad file has no config."""

    config: Config | None
    stamps: dict[str, _Stamp]
    settled: bool
    complaints: tuple[str, ...]


class DirectoryConfigs:
    """Returns each directory's own configuration. Used by one thread.

    `changed` is called with a file's path and the handlers that are in it now (none, if it is gone)
    when it was read before. What is wrong with a file is logged, once.
    """

    def __init__(self, root: str, changed: Callable[[str, Mapping[str, Handler]], None]) -> None:
        self._root = root
        self._changed = changed
        self._readings: dict[str, _Reading] = {}

    def __call__(self, directory: str) -> Config | None:
        """Return the configuration of a directory below the root; None if it has no good one."""
        file = os.path.join(self._root, directory, NAME)  # noqa: PTH118
        reading = self._readings.get(directory)
        if reading is None and _stamp(file) is None:
            return None
        if reading is not None and reading.settled and _is_current(reading):
            return reading.config
        return self._read(directory, file, reading)

    def _read(self, directory: str, file: str, before: _Reading | None) -> Config | None:
        if _stamp(file) is None:
            self._readings.pop(directory, None)
            self._changed(file, {})
            return None
        reading = _read(directory, file)
        self._readings[directory] = reading
        if before is None or before.complaints != reading.complaints:
            for complaint in reading.complaints:
                logger.error("%s", complaint)
        if reading.config is not None and before is not None:
            self._changed(file, reading.config.handlers)
        return reading.config


def _read(directory: str, file: str) -> _Reading:
    now = time.time_ns()
    own = _stamp(file)
    config: Config | None = None
    sources = [file]
    try:
        config = parse(file, directory)
        sources = config.sources
        complaints = tuple(map(str, config.complaints))
    except ConfigError as error:
        complaints = (f"{error}; the file is ignored",)
    stamps = {source: _stamp(source) for source in sources} | {file: own}
    settled = all(s is not None and abs(now - s[0]) > CLOCK_TICK_NS for s in stamps.values())
    return _Reading(config, stamps, settled, complaints)


def _stamp(file: str) -> _Stamp:
    try:
        status = os.stat(file)  # noqa: PTH116 - each request pays for it
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)


def _is_current(reading: _Reading) -> bool:
    return all(_stamp(file) == stamp for file, stamp in reading.stamps.items())
