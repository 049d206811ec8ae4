"""Giving privileges up: a user and a root directory for the processes that talk with clients.

`Privileges.find` looks everything up, and `check` tries it, before anything is bound or started.
`drop` is called in each process that serves, when that has loaded all that it needs from files.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

from ._errors import FAILURE_STATUS, StartError

LATE = ("datetime", "json", "ssl", f"{__package__}._tls")
"""Modules that are imported inside functions, when they are needed."""


@dataclass(frozen=True, slots=True)
class _Identity:
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    def is_ours(self) -> bool:
        return os.getresuid() == (self.uid,) * 3 and os.getresgid() == (self.gid,) * 3

    def assume(self) -> None:
        if not self.is_ours() or os.geteuid() == 0:
            os.setgroups(self.groups)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)


@dataclass(frozen=True, slots=True)
class Privileges:
    """See the module; `find` makes one."""

    _identity: _Identity | None
    _root: str

    @classmethod
    def find(cls, user: str, root: str) -> Privileges | None:
        """Return those of `USER[:GROUP]` in the directory `root`, either may be empty.

        None if both are. Raises `StartError`.
        """
        if not user and not root:
            return None
        return cls(_find_user(user) if user else None, root)

    def check(self) -> None:
        """Raise `StartError` if `drop` would: it is tried in a process of its own."""
        try:
            read, write = os.pipe()
            pid = os.fork()
        except OSError as error:
            raise StartError(f"can't try to give privileges up: {error.strerror}") from error
        if pid == 0:
            os._exit(_report(self.drop, write))
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as complaint:
            text = complaint.read()
        os.waitpid(pid, 0)
        if text:
            raise StartError(text)

    def drop(self) -> None:
        """Change the root directory, then the user, for good; raises `StartError`."""
        _load_all()
        if self._root:
            try:
                os.chroot(self._root)
                os.chdir("/")
            except OSError as error:
                raise StartError(f"can't chroot to {self._root}: {error.strerror}") from error
        if self._identity is not None:
            try:
                self._identity.assume()
            except OSError as error:
                raise StartError(
                    f"can't become user {self._identity.name}: {error.strerror}"
                ) from error


def _load_all() -> None:
    """Read what is read when it is needed: then, there may be no way to it."""
    for name in LATE:
        with suppress(ImportError):
            import_module(name)


def _report(function: Callable[[], object], fd: int) -> int:
    try:
        function()
    except BaseException as error:  # this process must not go on
        os.write(fd, str(error).encode())
        return FAILURE_STATUS
    return 0


def _find_user(text: str) -> _Identity:
    name, colon, group = text.partition(":")
    try:
        entry = pwd.getpwuid(int(name)) if _is_number(name) else pwd.getpwnam(name)
    except KeyError:
        raise StartError(f"there is no user {name!r}") from None
    gid = _find_group(group) if colon else entry.pw_gid
    return _Identity(entry.pw_name, entry.pw_uid, gid, tuple(os.getgrouplist(entry.pw_name, gid)))


def _find_group(name: str) -> int:
    try:
        return int(name) if _is_number(name) else grp.getgrnam(name).gr_gid
    except KeyError:
        raise StartError(f"there is no group {name!r}") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
