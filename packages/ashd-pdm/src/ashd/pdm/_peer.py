"""Who may talk to a server on a Unix socket: asked of the kernel for each connection (SO_PEERCRED,
unix(7)).

The mode of the socket file says the same, and the kernel enforces it. This looks again, for sockets
whose mode was changed, or that were reached some other way. Pure, but for the two functions that
ask.
"""

from __future__ import annotations

import array
import os
import pwd
import socket
import struct
from dataclasses import dataclass

_CREDENTIALS = struct.Struct("iII")
_SO_PEERGROUPS = 59  # linux/include/uapi/asm-generic/socket.h; the module socket has no name for it
_MAX_BYTES = 1024  # what the module socket takes; 256 groups


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as it was when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is let in, besides root and `owner`: members of `group`, or everybody."""

    owner: int
    group: int | None = None
    everybody: bool = False

    def admits(self, peer: Peer) -> bool:
        """Whether this one may talk to the server."""
        if self.everybody or peer.uid in (0, self.owner):
            return True
        return self.group is not None and self.group in peer.groups


def admission(mode: int, group: int) -> Admission:
    """Return what the mode of a socket file says: writing to it is connecting."""
    return Admission(
        owner=os.geteuid(),
        group=group if mode & 0o020 else None,
        everybody=bool(mode & 0o002),
    )


def peer_of(sock: socket.socket) -> Peer | None:
    """Return who is at the other end, or None where the system doesn't tell (the file's mode has to
    do there).
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, uid, gid = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    )
    return Peer(pid, uid, frozenset({gid, *_groups_of(sock, uid, gid)}))


def _groups_of(sock: socket.socket, uid: int, gid: int) -> list[int]:
    found = array.array("I")
    try:
        found.frombytes(sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAX_BYTES))
    except (
        OSError
    ):  # a kernel before 4.13, or more groups than that: what the user's groups are now
        return _known_groups(uid, gid)
    return found.tolist()


def _known_groups(uid: int, gid: int) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except (KeyError, OSError):
        return []
