"""The names of the original library."""

from ._connect import connect
from ._repl import ReplClient
from ._workers import open_perf

client = connect
replclient = ReplClient
perfclient = open_perf

__all__ = ["client", "perfclient", "replclient"]
