"""Reads pickles from people who are not trusted: plain data, and nothing else unless the caller
allows it.

`pickle.Unpickler` with its own `find_class` is not enough: extension codes get past it, BUILD sets
attributes of classes, a memo index makes it allocate gigabytes, a tuple that holds itself twice, 50
levels deep, takes for ever to hash, and one that is nested a million deep ends the process when it
is hashed. So this is a machine of its own (`_machine.py`), with the opcodes that plain data needs
and, for a client, those that name a class. `pickletools` takes the pickle apart. All that is built
is counted (`_budget.py`).

The functions touch nothing but their own data and may be called from any thread.
"""

from ._budget import Name, PickleLimits
from ._machine import Builder, Lookup, load

__all__ = ["Builder", "Lookup", "Name", "PickleLimits", "load"]
