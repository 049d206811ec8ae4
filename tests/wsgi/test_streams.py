"""Streams of clients at the end of the interpreter."""

from __future__ import annotations

import subprocess
import sys

from ashdtest.processes import DEADLINE

HELD = """
import gc
import threading
from ashd.wsgi import _streams
from ashd.wsgi._switch import FirstHead

stream, theirs = _streams.stream_pair()
garbage = [FirstHead(lambda _, stream=stream: stream)]
garbage[0].sendall(b"\\r\\n\\r\\n")
garbage.append(garbage)
del garbage, stream  # collected at the end of the interpreter
gc.disable()
held = threading.Event()

def hold():
    with _streams._lock:
        held.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
"""


def test_a_thread_that_is_ended_while_it_closes_a_stream_holds_nobody_up() -> None:
    subprocess.run([sys.executable, "-c", HELD], timeout=DEADLINE, check=True)
