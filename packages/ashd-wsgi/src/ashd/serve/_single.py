"""The model `single`: no threads."""

from __future__ import annotations

from ._interface import Source
from ._running import running


class Single:
    """Each request runs in the receiving thread, one after another."""

    multithread = False
    multiplex = False

    def serve(self, source: Source) -> None:
        """Run every task of `source` here."""
        slot = running.slot()
        receive, run = source.receive, slot.run
        try:
            while (task := receive()) is not None:
                run(task)
        finally:
            slot.close()
