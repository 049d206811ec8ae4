"""The names of the original library, for code that was written for it."""

from __future__ import annotations

from collections.abc import Sequence

from ashd.proto import Request

from ._children import ChildInit, spawn_handler
from ._persistent import PersistentChild
from ._reaper import reap
from ._respond import respond
from ._serve import serve_loop

__all__ = ["pchild", "respond", "serveloop", "stdfork"]

serveloop = serve_loop


def stdfork(argv: Sequence[str], chinit: ChildInit | None = None) -> int:
    """Start a persistent handler; return the descriptor of its socket, which the caller owns."""
    process, sock = spawn_handler(argv, child_init=chinit)
    reap(process)
    return sock.detach()


class pchild(PersistentChild):  # noqa: N801 - the original's name
    """`PersistentChild` with the original's arguments and method names."""

    def __init__(
        self, argv: Sequence[str], autorespawn: bool = False, chinit: ChildInit | None = None
    ) -> None:
        super().__init__(argv, restart=autorespawn, child_init=chinit)

    def passreq(self, request: Request, *, wait: bool = True) -> None:
        """Hand a request to the child, as `pass_request`."""
        self.pass_request(request, wait=wait)

    @property
    def fd(self) -> int:
        """The descriptor of the child's socket, still owned by this object; -1 without a child."""
        sock = self._socket
        return -1 if sock is None else sock.fileno()
