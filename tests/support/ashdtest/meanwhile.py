"""What goes on beside a test: in its event loop, or in a thread.

await wait_for(lambda: server.stopping)
with going_on(ask, pause=0.005): ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .processes import DEADLINE


async def wait_for(condition: Callable[[], object]) -> None:
    """Let everything else in the event loop have its turns until something is so."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0)


@contextmanager
def going_on(action: Callable[[], object], pause: float = 0) -> Iterator[None]:
    """Do something again and again in a thread, with a pause of some seconds in between."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(pause):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
