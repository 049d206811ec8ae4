"""The names of the original library."""

from ._connect import connect
from ._perf import PerfClient
from ._repl import ReplClient

client = connect
replclient = ReplClient
perfclient = PerfClient

__all__ = ["client", "perfclient", "replclient"]
