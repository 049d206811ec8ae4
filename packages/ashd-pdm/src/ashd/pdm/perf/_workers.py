"""The built-in object `workers`: the worker processes behind one socket. Empty in a process that
has none.

A server with worker processes (`ashd.pdm.srv.Workers`) shows its own directory under this name.
"""

from ashd.pdm.perf._objects import Directory

workers = Directory()
