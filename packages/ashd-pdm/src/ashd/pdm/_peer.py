"""Who may talk to a server on a Unix socket: asked of the kernel for each connection (SO_PEERCRED,
unix(7)).

The mode of the socket file says the same, and the kernel enforces it. This looks again, for sockets
whose mode was changed, or that were reached some other way.
"""

from __future__ import annotations

import array
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

_CREDENTIALS = struct.Struct("iII")
_SO_PEERGROUPS = 59  # linux/include/uapi/asm-generic/socket.h; the module socket has no name for it
_MAX_BYTES = 1024  # what the module socket takes: 256 groups. Of those who have more, none counts


class Peer(NamedTuple):
    """The process at the other end, as it was when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]


class Admission(NamedTuple):
    """What the mode and the group of a socket file say: writing to it is connecting."""

    owner: int
    group: int
    mode: int

    def admits(self, peer: Peer) -> bool:
        """Whether this one may talk to the server; root and the owner always may."""
        as_member = self.mode & 0o020 and self.group in peer.groups
        return peer.uid in (0, self.owner) or bool(as_member or self.mode & 0o002)


def peer_of(sock: socket.socket) -> Peer | None:
    """Return who is at the other end, or None where only the mode of the file can tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, uid, gid = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    )
    groups = array.array("I", [gid])
    with suppress(OSError):  # a kernel before 4.13, or more groups
        groups.frombytes(sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAX_BYTES))
    return Peer(pid, uid, frozenset(groups))
