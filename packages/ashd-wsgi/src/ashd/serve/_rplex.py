"""The model `rplex`: calls in threads, all responses written by one further thread."""

from __future__ import annotations

from ._free import serve_in_free_threads
from ._interface import Source, Task
from ._multiplexer import Multiplexer
from ._running import Slot


class Rplex:
    """A thread holds a request only while the application is called.

    The iterators that come back are driven by one further thread, each when its client can take
    its bytes: any number of slow downloads holds no thread.
    """

    multithread = True
    multiplex = True

    def __init__(self, maximum: int | None = None) -> None:
        """Let up to `maximum` calls run at a time (None: no limit)."""
        self._maximum = maximum
        self._multiplexer = Multiplexer()

    def serve(self, source: Source) -> None:
        """Run every task of `source`; return when all are finished."""
        self._multiplexer.start()
        try:
            serve_in_free_threads(source, self._call, self._maximum)
        finally:
            self._multiplexer.finish()

    def _call(self, slot: Slot, task: Task) -> None:
        stream = slot.hold(task, task.start)
        if stream is not None:
            self._multiplexer.add(stream)
