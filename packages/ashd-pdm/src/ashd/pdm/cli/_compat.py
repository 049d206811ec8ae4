"""The names of the original library."""

from ashd.pdm.cli._connect import connect
from ashd.pdm.cli._perf import PerfClient
from ashd.pdm.cli._repl import ReplClient

client = connect
replclient = ReplClient
perfclient = PerfClient

__all__ = ["client", "perfclient", "replclient"]
