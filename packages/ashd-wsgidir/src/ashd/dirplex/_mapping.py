"""Follow a URL's rest string to a file, element by element. This only reads the file system.

The elements are unescaped one at a time, so an escaped slash never becomes a separator. `.` and
`..` are refused even if the configuration allows them.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ._config import Capture, Config, Configs, Subject, allows_dot, index_files

DirectoryConfig = Callable[[str], Config | None]

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG)


@dataclass(frozen=True, slots=True)
class Found:
    """A file or directory (see `subject`), the remaining rest string, and the configurations."""

    subject: Subject
    path: str
    rest: bytes
    configs: Configs


@dataclass(frozen=True, slots=True)
class Missing:
    """There is nothing to serve; `path` is the last component that exists."""

    path: str
    configs: Configs
    is_directory: bool = True


@dataclass(frozen=True, slots=True)
class Captured:
    """A directory of which a handler serves everything."""

    capture: Capture
    rest: bytes
    configs: Configs


@dataclass(frozen=True, slots=True)
class Redirect:
    """A directory whose URL lacks the slash at its end."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A percent sign that doesn't start an escape."""


Result = Malformed | Found | Missing | Captured | Redirect


class Mapper:
    """Maps rest strings to files below `root`; results are relative to it.

    `configs` are those that are valid everywhere, `directory_config` returns a directory's own.
    """

    def __init__(self, root: str, configs: Configs, directory_config: DirectoryConfig) -> None:
        self._root = root
        self._configs = configs
        self._directory_config = directory_config

    def map(self, rest: bytes) -> Result:
        """Follow a rest string. Raises OSError if the file system fails."""
        directory, configs = "", self._configs
        while True:
            config = self._directory_config(directory)
            if config is not None:
                configs = (config, *configs)
                if config.capture and (directory or config.capture.in_root):
                    return Captured(config.capture, rest.removeprefix(b"/"), configs)
            if not rest:
                return self._end(directory, configs)
            element, slash, tail = rest.partition(b"/")
            if _BAD_ESCAPE.search(element):
                return Malformed()
            name = os.fsdecode(unquote_to_bytes(element))
            if not _is_acceptable(name, configs):
                return Missing(directory, configs)
            path = f"{directory}/{name}" if directory else name
            mode = self._mode(path)
            if mode is None or not stat.S_ISDIR(mode):
                return self._file(directory, name, mode, slash + tail, configs)
            if not slash:
                return Redirect()
            directory, rest = path, tail

    def _file(
        self, directory: str, name: str, mode: int | None, rest: bytes, configs: Configs
    ) -> Result:
        path = f"{directory}/{name}" if directory else name
        if mode is None:
            beginning = self._by_beginning(directory, name)
            if beginning is None:
                return Missing(directory, configs)
            return Found(Subject.FILE, beginning, rest, configs)
        if not stat.S_ISREG(mode):
            return Missing(path, configs, is_directory=False)
        return Found(Subject.FILE, path, rest, configs)

    def _end(self, directory: str, configs: Configs) -> Found:
        for name in index_files(configs):
            path = f"{directory}/{name}" if directory else name
            mode = self._mode(path)
            if mode is not None and stat.S_ISREG(mode):
                return Found(Subject.FILE, path, b"", configs)
            if mode is None and (beginning := self._by_beginning(directory, name)):
                return Found(Subject.FILE, beginning, b"", configs)
        return Found(Subject.DIRECTORY, directory, b"", configs)

    def _by_beginning(self, directory: str, name: str) -> str | None:
        """Return the file whose name up to its first dot is `name`, if that has no dot itself."""
        if "." in name:
            return None
        try:
            entries = os.listdir(os.path.join(self._root, directory))  # noqa: PTH118, PTH208
        except OSError as error:
            _check_absent(error)
            return None
        for candidate in sorted(e for e in entries if e.partition(".")[0] == name):
            path = f"{directory}/{candidate}" if directory else candidate
            mode = self._mode(path)
            if mode is not None and stat.S_ISREG(mode):
                return path
        return None

    def _mode(self, path: str) -> int | None:
        try:
            return os.stat(os.path.join(self._root, path)).st_mode  # noqa: PTH116, PTH118
        except OSError as error:
            _check_absent(error)
            return None


def _check_absent(error: OSError) -> None:
    """Take an error that says that there is nothing; raise any other."""
    if error.errno not in _ABSENT:
        raise error


def _is_acceptable(name: str, configs: Configs) -> bool:
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        return False
    return not name.startswith(".") or allows_dot(configs, name)
